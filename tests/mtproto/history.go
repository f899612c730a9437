package main

import (
	"slices"
	"sort"

	"github.com/gotd/td/bin"
	"github.com/gotd/td/tg"
)

// The most messages of one answer, and how many there are where none are asked for.
const (
	pageOf        = 100
	pageByDefault = 20
)

// page says which part of a history is asked for. Source: core.telegram.org/api/offsets.
type page struct {
	offsetID, offsetDate, addOffset, limit, maxID, minID int
}

// cut gives the ids of the page, newest first, and how many newer ones come before it.
//
// The window is laid first, and only what is in it is held against max_id and min_id: a low max_id
// without an offset gives nothing.
func (p page) cut(ids []int, date func(id int) int) ([]int, int) {
	n := len(ids)
	older := n
	switch {
	case p.offsetID > 0:
		older = sort.SearchInts(ids, p.offsetID)
	case p.offsetDate > 0:
		older = sort.Search(n, func(i int) bool { return date(ids[i]) >= p.offsetDate })
	}
	limit := min(p.limit, pageOf)
	if limit <= 0 {
		limit = pageByDefault
	}
	start := n - older + p.addOffset
	from, to := min(max(start, 0), n), min(max(start+limit, 0), n)
	var found []int
	for place := from; place < to; place++ {
		id := ids[n-1-place]
		if (p.maxID == 0 || id < p.maxID) && (p.minID == 0 || id > p.minID) {
			found = append(found, id)
		}
	}
	return found, from
}

func (c *call) arguePage(p page) {
	c.argue("offset_id", p.offsetID)
	c.argue("add_offset", p.addOffset)
	c.argue("limit", p.limit)
	c.argue("min_id", p.minID)
	c.argue("max_id", p.maxID)
}

// answer shows a page of the ids of a place.
func (c *call) answer(ch *Channel, ids []int, p page) bin.Encoder {
	if ch.Hidden && !c.seesAll() {
		ids = nil
	}
	found, before := p.cut(ids, func(id int) int { return ch.message(id).Date })
	var messages []*Message
	var shown []tg.MessageClass
	for _, id := range found {
		if m := ch.message(id); !m.Withheld {
			messages = append(messages, m)
			shown = append(shown, c.messageOf(ch, m))
		}
	}
	chats, users := c.company(ch, messages)
	switch {
	case ch.Kind != "chat":
		return &tg.MessagesChannelMessages{
			Pts: 1, Count: len(ids), OffsetIDOffset: before, Messages: shown, Chats: chats, Users: users,
		}
	case len(found) == len(ids):
		return &tg.MessagesMessages{Messages: shown, Chats: chats, Users: users}
	}
	return &tg.MessagesMessagesSlice{
		Count: len(ids), OffsetIDOffset: before, Messages: shown, Chats: chats, Users: users,
	}
}

func getHistory(c *call, r *tg.MessagesGetHistoryRequest) (bin.Encoder, error) {
	p := page{r.OffsetID, r.OffsetDate, r.AddOffset, r.Limit, r.MaxID, r.MinID}
	c.arguePage(p)
	ch, err := c.peer(r.Peer)
	if err != nil {
		return nil, err
	}
	return c.answer(ch, ch.ids, p), nil
}

func getReplies(c *call, r *tg.MessagesGetRepliesRequest) (bin.Encoder, error) {
	p := page{r.OffsetID, r.OffsetDate, r.AddOffset, r.Limit, r.MaxID, r.MinID}
	c.arguePage(p)
	c.argue("msg_id", r.MsgID)
	ch, err := c.peer(r.Peer)
	if err != nil {
		return nil, err
	}
	group, top := c.thread(ch, r.MsgID)
	if group == nil || ch.find(r.MsgID) == nil {
		return nil, bad("MSG_ID_INVALID")
	}
	if group.closedTo(c.account) {
		return nil, bad("CHANNEL_PRIVATE")
	}
	return c.answer(group, group.threads[top], p), nil
}

func getDiscussionMessage(
	c *call, r *tg.MessagesGetDiscussionMessageRequest,
) (bin.Encoder, error) {
	c.argue("msg_id", r.MsgID)
	ch, err := c.peer(r.Peer)
	if err != nil {
		return nil, err
	}
	group, top := c.thread(ch, r.MsgID)
	if group == nil || group.find(top) == nil {
		return nil, bad("MSG_ID_INVALID")
	}
	m := group.message(top)
	answer := &tg.MessagesDiscussionMessage{Messages: []tg.MessageClass{c.messageOf(group, m)}}
	if ids := group.threads[top]; len(ids) > 0 {
		answer.SetMaxID(ids[len(ids)-1])
	}
	answer.Chats, answer.Users = c.company(group, []*Message{m})
	if group != ch {
		answer.Chats = append(answer.Chats, c.chatOf(ch))
	}
	return answer, nil
}

// asked gives the ids of a request for single messages, 100 at most.
func (c *call) asked(in []tg.InputMessageClass) []int {
	var ids []int
	for _, one := range in[:min(len(in), pageOf)] {
		if by, ok := one.(*tg.InputMessageID); ok {
			ids = append(ids, by.ID)
		}
	}
	c.argue("ids", ids)
	return ids
}

func getChannelMessages(c *call, r *tg.ChannelsGetMessagesRequest) (bin.Encoder, error) {
	ids := c.asked(r.ID)
	ch, err := c.named(r.Channel)
	if err != nil {
		return nil, err
	}
	answer := &tg.MessagesChannelMessages{Pts: 1, Count: len(ids)}
	var there []*Message
	for _, id := range ids {
		m := ch.find(id)
		if m == nil || m.Withheld || ch.Hidden && !c.seesAll() {
			answer.Messages = append(answer.Messages, &tg.MessageEmpty{ID: id, PeerID: ch.peer()})
			continue
		}
		there = append(there, m)
		answer.Messages = append(answer.Messages, c.messageOf(ch, m))
	}
	answer.Chats, answer.Users = c.company(ch, there)
	return answer, nil
}

// getMessages finds messages of basic groups, which are numbered together.
func getMessages(c *call, r *tg.MessagesGetMessagesRequest) (bin.Encoder, error) {
	answer := &tg.MessagesMessages{}
	for _, id := range c.asked(r.ID) {
		at := slices.IndexFunc(c.world.Channels, func(ch *Channel) bool {
			return ch.Kind == "chat" && !ch.closedTo(c.account) && ch.find(id) != nil
		})
		if at < 0 {
			answer.Messages = append(answer.Messages, &tg.MessageEmpty{ID: id})
			continue
		}
		ch := c.world.Channels[at]
		m := ch.message(id)
		answer.Messages = append(answer.Messages, c.messageOf(ch, m))
		chats, users := c.company(ch, []*Message{m})
		answer.Chats, answer.Users = append(answer.Chats, chats...), append(answer.Users, users...)
	}
	return answer, nil
}
