package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gotd/td/bin"
	"github.com/gotd/td/mt"
	"github.com/gotd/td/tg"
	"github.com/gotd/td/tgerr"
	"github.com/gotd/td/tgtest"
)

// handler answers requests and keeps what tests ask about and order.
type handler struct {
	folder  string
	dc      int
	port    int
	methods map[uint32]method

	mu        sync.Mutex
	world     *World
	logins    map[[8]byte]*login
	sensitive map[string]bool // by phone
	calls     []*entry
	faults    []*fault
	epoch     uint32 // file references of an older one have expired
}

// login is what one authorisation key has come to.
type login struct {
	phone    string // of whom it is logged in
	codeHash string
	codeFor  string
	password *passwordCheck
	passFor  string
}

// entry is a request as GET /calls shows it.
type entry struct {
	Time     float64        `json:"time"`
	Account  string         `json:"account"`
	Method   string         `json:"method"`
	Argument map[string]any `json:"argument"`
	Error    string         `json:"error"`
}

// fault is an answer ordered by a test; times -1 lasts for ever.
type fault struct {
	Method  string  `json:"method"`
	Account string  `json:"account"`
	Error   string  `json:"error"`
	Code    int     `json:"code"`
	After   int     `json:"after"`
	Times   int     `json:"times"`
	DelayS  float64 `json:"delay_s"`
}

// call is one request being answered, with the world it began with.
type call struct {
	*handler
	world   *World
	login   *login
	account *Account // nil: not logged in
	epoch   uint32
	entry   *entry
}

// method answers one kind of request.
type method struct {
	open   bool // to those who are not logged in
	answer func(*call, *bin.Buffer) (bin.Encoder, error)
}

func newHandler(folder string, dc, port int) (*handler, error) {
	h := &handler{
		folder: folder, dc: dc, port: port,
		logins: map[[8]byte]*login{}, sensitive: map[string]bool{}, epoch: 1,
	}
	h.methods = methods()
	return h, h.reload()
}

func (h *handler) reload() error {
	w, err := readWorld(h.folder)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.world = w
	return nil
}

// request makes a method of a function that takes the decoded request.
func request[T any, P interface {
	*T
	bin.Decoder
}](answer func(*call, P) (bin.Encoder, error)) func(*call, *bin.Buffer) (bin.Encoder, error) {
	return func(c *call, b *bin.Buffer) (bin.Encoder, error) {
		r := P(new(T))
		if err := r.Decode(b); err != nil {
			return nil, bad("INPUT_REQUEST_INVALID")
		}
		return answer(c, r)
	}
}

func bad(message string) *tgerr.Error { return tgerr.New(400, message) }

var typeNames = tg.TypesMap()

// OnMessage implements tgtest.Handler.
func (h *handler) OnMessage(server *tgtest.Server, req *tgtest.Request) error {
	id, err := req.Buf.PeekID()
	if err != nil {
		return err
	}
	switch id {
	case mt.MsgsAckTypeID, mt.HTTPWaitRequestTypeID, mt.MsgsStateReqTypeID, mt.MsgResendReqTypeID:
		return nil
	case tg.InvokeAfterMsgRequestTypeID:
		// Requests of a connection are answered in their order anyway.
		req.Buf.Skip(12)
		return h.OnMessage(server, req)
	}
	c, delay, fail := h.begin(req.Session.AuthKey.ID, id)
	time.Sleep(delay)
	var answer bin.Encoder
	if err = fail; fail == nil {
		answer, err = c.run(id, req.Buf)
	}
	if err != nil {
		h.mu.Lock()
		c.entry.Error = strings.TrimPrefix(err.Error(), "rpc error code ")
		if e, ok := tgerr.As(err); ok {
			c.entry.Error = e.Message
		}
		h.mu.Unlock()
		return err
	}
	return server.SendResult(req, answer)
}

func (h *handler) begin(key [8]byte, id uint32) (*call, time.Duration, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.logins[key]
	if l == nil {
		l = &login{}
		h.logins[key] = l
	}
	name, _, _ := strings.Cut(typeNames[id], "#")
	if name == "" {
		name = fmt.Sprintf("%#x", id)
	}
	e := &entry{
		Time: float64(time.Now().UnixMicro()) / 1e6, Account: l.phone, Method: name,
		Argument: map[string]any{},
	}
	h.calls = append(h.calls, e)
	c := &call{handler: h, world: h.world, login: l, epoch: h.epoch, entry: e}
	if l.phone != "" {
		c.account = h.world.account(l.phone)
	}
	delay, err := h.fault(name, l.phone)
	return c, delay, err
}

// fault takes the first ordered answer that fits.
func (h *handler) fault(method, phone string) (time.Duration, error) {
	for _, f := range h.faults {
		if f.Times == 0 || f.Method != "" && f.Method != method ||
			f.Account != "" && digits(f.Account) != phone {
			continue
		}
		if f.After > 0 {
			f.After--
			continue
		}
		if f.Times > 0 {
			f.Times--
		}
		delay := time.Duration(f.DelayS * float64(time.Second))
		if f.Error == "" {
			return delay, nil
		}
		return delay, tgerr.New(f.Code, f.Error)
	}
	return 0, nil
}

func (c *call) run(id uint32, b *bin.Buffer) (bin.Encoder, error) {
	m, known := c.methods[id]
	if !known {
		return nil, bad("INPUT_METHOD_INVALID_" + fmt.Sprint(id))
	}
	if !m.open {
		if err := c.permit(); err != nil {
			return nil, err
		}
	}
	return m.answer(c, b)
}

// permit refuses those who are not logged in, or no longer.
func (c *call) permit() error {
	if c.account == nil {
		return tgerr.New(401, "AUTH_KEY_UNREGISTERED")
	}
	switch c.account.State {
	case "":
		return nil
	case "revoked":
		return tgerr.New(401, "AUTH_KEY_UNREGISTERED")
	case "banned":
		return tgerr.New(401, "USER_DEACTIVATED_BAN")
	case "duplicated":
		return tgerr.New(406, "AUTH_KEY_DUPLICATED")
	case "frozen":
		switch c.entry.Method {
		case "contacts.resolveUsername", "account.setContentSettings":
			return tgerr.New(420, "FROZEN_METHOD_INVALID")
		case "users.getUsers", "updates.getState", "updates.getDifference":
			return nil
		}
		return bad("FROZEN_PARTICIPANT_MISSING")
	}
	return fmt.Errorf("world.json: state %q", c.account.State)
}

// argue notes an argument for GET /calls.
func (c *call) argue(name string, value any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entry.Argument[name] = value
}

func (h *handler) listCalls() ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.calls == nil {
		return []byte("[]"), nil
	}
	return json.Marshal(h.calls)
}

func methods() map[uint32]method {
	return map[uint32]method{
		tg.HelpGetConfigRequestTypeID:                {true, request(getConfig)},
		tg.AuthSendCodeRequestTypeID:                 {true, request(sendCode)},
		tg.AuthSignInRequestTypeID:                   {true, request(signIn)},
		tg.AccountGetPasswordRequestTypeID:           {true, request(getPassword)},
		tg.AuthCheckPasswordRequestTypeID:            {true, request(checkPassword)},
		tg.AuthLogOutRequestTypeID:                   {false, request(logOut)},
		tg.AccountGetContentSettingsRequestTypeID:    {false, request(getContentSettings)},
		tg.AccountSetContentSettingsRequestTypeID:    {false, request(setContentSettings)},
		tg.UpdatesGetStateRequestTypeID:              {false, request(getState)},
		tg.UpdatesGetDifferenceRequestTypeID:         {false, request(getDifference)},
		tg.UsersGetUsersRequestTypeID:                {false, request(getUsers)},
		tg.ContactsResolveUsernameRequestTypeID:      {false, request(resolveUsername)},
		tg.ChannelsGetChannelsRequestTypeID:          {false, request(getChannels)},
		tg.ChannelsGetFullChannelRequestTypeID:       {false, request(getFullChannel)},
		tg.MessagesGetChatsRequestTypeID:             {false, request(getChats)},
		tg.MessagesGetHistoryRequestTypeID:           {false, request(getHistory)},
		tg.MessagesGetRepliesRequestTypeID:           {false, request(getReplies)},
		tg.MessagesGetDiscussionMessageRequestTypeID: {false, request(getDiscussionMessage)},
		tg.ChannelsGetMessagesRequestTypeID:          {false, request(getChannelMessages)},
		tg.MessagesGetMessagesRequestTypeID:          {false, request(getMessages)},
		tg.UploadGetFileRequestTypeID:                {false, request(getFile)},
	}
}
