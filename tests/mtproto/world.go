package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"image"
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

// World is what the server shows, as read from world.json: see README.md.
type World struct {
	Accounts []*Account `json:"accounts"`
	Users    []*User    `json:"users"`
	Channels []*Channel `json:"channels"`

	folder    string
	photos    map[int64]*Photo
	documents map[int64]*Document
}

type Account struct {
	Phone    string `json:"phone"`
	User     int64  `json:"user"`
	Code     string `json:"code"`
	Password string `json:"password"`
	// State is "", "revoked", "banned", "duplicated" or "frozen".
	State           string `json:"state"`
	SensitiveLocked bool   `json:"sensitive_locked"`
}

type User struct {
	ID       int64  `json:"id"`
	Name     string `json:"name"`
	Username string `json:"username"`
	Bot      bool   `json:"bot"`
	Deleted  bool   `json:"deleted"`
}

type Channel struct {
	ID int64 `json:"id"`
	// Kind is "channel", "supergroup" or "chat".
	Kind         string    `json:"kind"`
	Username     string    `json:"username"`
	Collectible  []string  `json:"collectible"`
	Title        string    `json:"title"`
	About        string    `json:"about"`
	Date         int       `json:"date"`
	Participants int       `json:"participants"`
	Photo        *Photo    `json:"photo"`
	Verified     bool      `json:"verified"`
	Scam         bool      `json:"scam"`
	Noforwards   bool      `json:"noforwards"`
	Restricted   []Reason  `json:"restricted"`
	Hidden       bool      `json:"hidden"`
	ClosedTo     []string  `json:"closed_to"`
	Linked       int64     `json:"linked"`
	MigratedTo   int64     `json:"migrated_to"`
	MigratedFrom int64     `json:"migrated_from"`
	Messages     []Message `json:"messages"`
	Generate     *Generate `json:"generate"`

	ids     []int // ascending, without the deleted
	written map[int]*Message
	threads map[int][]int // ascending ids of a thread's comments, by its first message
	tops    map[int]int   // a thread's first message, by the post it comments
}

// Generate makes messages up when they are asked for: the text says {id}.
type Generate struct {
	Count   int    `json:"count"`
	FirstID int    `json:"first_id"`
	Missing int    `json:"missing"` // each such id is missing, 0: none
	Date    int    `json:"date"`
	StepS   int    `json:"step_s"`
	Text    string `json:"text"`
	Photo   *Photo `json:"photo"`
}

type Reason struct {
	Platform string `json:"platform"`
	Reason   string `json:"reason"`
	Text     string `json:"text"`
}

type Message struct {
	ID          int            `json:"id"`
	Date        int            `json:"date"`
	Text        string         `json:"text"`
	Entities    []Entity       `json:"entities"`
	Views       int            `json:"views"`
	Forwards    int            `json:"forwards"`
	EditDate    int            `json:"edit_date"`
	GroupedID   int64          `json:"grouped_id"`
	Author      string         `json:"author"`
	From        int64          `json:"from"`
	FromChannel int64          `json:"from_channel"`
	ReplyTo     int            `json:"reply_to"`
	Thread      int            `json:"thread"`
	ThreadOf    int            `json:"thread_of"`
	Pinned      bool           `json:"pinned"`
	Noforwards  bool           `json:"noforwards"`
	Restricted  []Reason       `json:"restricted"`
	Forward     *Forward       `json:"forward"`
	Photo       *Photo         `json:"photo"`
	Document    *Document      `json:"document"`
	WebPage     *WebPage       `json:"webpage"`
	Other       string         `json:"other"`
	Reactions   map[string]int `json:"reactions"`
	Service     *Service       `json:"service"`
	Deleted     bool           `json:"deleted"`
	// Withheld ones have their place in the history, but are not shown: pages come out short.
	Withheld bool `json:"withheld"`
}

type Entity struct {
	Type   string `json:"type"`
	Offset int    `json:"offset"`
	Length int    `json:"length"`
	URL    string `json:"url"`
	User   int64  `json:"user"`
}

type Forward struct {
	Channel int64  `json:"channel"`
	User    int64  `json:"user"`
	Name    string `json:"name"`
	Post    int    `json:"post"`
	Date    int    `json:"date"`
	Author  string `json:"author"`
}

type WebPage struct {
	URL   string `json:"url"`
	Title string `json:"title"`
	Photo *Photo `json:"photo"`
}

type Service struct {
	Create      string `json:"create"`
	Title       string `json:"title"`
	Photo       *Photo `json:"photo"`
	Pin         int    `json:"pin"`
	MigrateTo   int64  `json:"migrate_to"`
	MigrateFrom int64  `json:"migrate_from"`
}

// Size is one stored picture: a file, or (stripped) a few bytes that come with the message.
type Size struct {
	Type        string `json:"type"`
	File        string `json:"file"`
	W           int    `json:"w"`
	H           int    `json:"h"`
	Stripped    []byte `json:"stripped"`
	Progressive []int  `json:"progressive"`

	bytes int64
}

type Photo struct {
	ID      int64   `json:"id"`
	Date    int     `json:"date"`
	Spoiler bool    `json:"spoiler"`
	Sizes   []*Size `json:"sizes"`
}

// UnmarshalJSON takes the name of a file for a photo of one size.
func (p *Photo) UnmarshalJSON(data []byte) error {
	var file string
	if json.Unmarshal(data, &file) == nil {
		p.Sizes = []*Size{{Type: "y", File: file}}
		return nil
	}
	type plain Photo
	return strict(data, (*plain)(p))
}

type Document struct {
	ID       int64   `json:"id"`
	Date     int     `json:"date"`
	File     string  `json:"file"`
	Bytes    int64   `json:"bytes"` // without a file: so many zeros
	Name     string  `json:"name"`
	Mime     string  `json:"mime"`
	Video    bool    `json:"video"`
	Round    bool    `json:"round"`
	Animated bool    `json:"animated"`
	Audio    bool    `json:"audio"`
	Voice    bool    `json:"voice"`
	Sticker  string  `json:"sticker"`
	Emoji    string  `json:"emoji"`
	Duration float64 `json:"duration"`
	W        int     `json:"w"`
	H        int     `json:"h"`
	Spoiler  bool    `json:"spoiler"`
	Thumbs   []*Size `json:"thumbs"`
}

func strict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// readWorld reads world.json of a folder; files are named from there.
func readWorld(folder string) (*World, error) {
	data, err := os.ReadFile(filepath.Join(folder, "world.json"))
	if err != nil {
		return nil, err
	}
	w := &World{folder: folder, photos: map[int64]*Photo{}, documents: map[int64]*Document{}}
	if err := strict(data, w); err != nil {
		return nil, fmt.Errorf("world.json: %w", err)
	}
	for _, a := range w.Accounts {
		a.Phone = digits(a.Phone)
		if w.user(a.User) == nil {
			w.Users = append(w.Users, &User{ID: a.User, Name: "Account " + a.Phone})
		}
	}
	for _, c := range w.Channels {
		if err := w.prepare(c); err != nil {
			return nil, fmt.Errorf("world.json: channel %d: %w", c.ID, err)
		}
	}
	return w, nil
}

func (w *World) prepare(c *Channel) error {
	if c.Kind == "" {
		c.Kind = "channel"
	}
	if !slices.Contains([]string{"channel", "supergroup", "chat"}, c.Kind) {
		return fmt.Errorf("kind %q", c.Kind)
	}
	for i, phone := range c.ClosedTo {
		if phone != "*" {
			c.ClosedTo[i] = digits(phone)
		}
	}
	if err := w.addPhoto(c.Photo); err != nil {
		return err
	}
	c.written, c.threads, c.tops = map[int]*Message{}, map[int][]int{}, map[int]int{}
	for i := range c.Messages {
		m := &c.Messages[i]
		if m.ID <= 0 || c.written[m.ID] != nil {
			return fmt.Errorf("message id %d", m.ID)
		}
		c.written[m.ID] = m
		if m.Date == 0 {
			m.Date = 1_700_000_000 + 60*m.ID
		}
		if err := w.addMedia(m); err != nil {
			return fmt.Errorf("message %d: %w", m.ID, err)
		}
		if !m.Deleted {
			c.ids = append(c.ids, m.ID)
		}
	}
	if g := c.Generate; g != nil {
		if err := w.addPhoto(g.Photo); err != nil {
			return err
		}
		if g.FirstID == 0 {
			g.FirstID = 1
		}
		for n := range g.Count {
			id := g.FirstID + n
			if c.written[id] == nil && (g.Missing == 0 || id%g.Missing != 0) {
				c.ids = append(c.ids, id)
			}
		}
	}
	sort.Ints(c.ids)
	for _, id := range c.ids {
		m := c.message(id)
		if m.ThreadOf != 0 {
			c.tops[m.ThreadOf] = id
		}
		if top := m.top(); top != 0 {
			c.threads[top] = append(c.threads[top], id)
		}
	}
	return nil
}

// top names the first message of the thread that a message comments on.
func (m *Message) top() int {
	if m.Thread != 0 {
		return m.Thread
	}
	return m.ReplyTo
}

// message gives one that is in c.ids.
func (c *Channel) message(id int) *Message {
	if m := c.written[id]; m != nil {
		return m
	}
	g := c.Generate
	date := g.Date
	if date == 0 {
		date = 1_600_000_000
	}
	step := max(g.StepS, 1)
	return &Message{
		ID:    id,
		Date:  date + step*(id-g.FirstID),
		Text:  strings.ReplaceAll(g.Text, "{id}", fmt.Sprint(id)),
		Views: 100 + id%900,
		Photo: g.Photo,
	}
}

// find gives a message that is there, or nil.
func (c *Channel) find(id int) *Message {
	if _, there := slices.BinarySearch(c.ids, id); !there {
		return nil
	}
	return c.message(id)
}

func (w *World) addMedia(m *Message) error {
	photos := []*Photo{m.Photo}
	if m.WebPage != nil {
		photos = append(photos, m.WebPage.Photo)
	}
	if m.Service != nil {
		photos = append(photos, m.Service.Photo)
	}
	for _, p := range photos {
		if err := w.addPhoto(p); err != nil {
			return err
		}
	}
	return w.addDocument(m.Document)
}

func (w *World) addPhoto(p *Photo) error {
	if p == nil {
		return nil
	}
	name := "photo"
	for _, s := range p.Sizes {
		if err := w.measure(s); err != nil {
			return err
		}
		name += "\x00" + s.Type + s.File
	}
	if p.ID == 0 {
		p.ID = number(name)
	}
	w.photos[p.ID] = p
	return nil
}

func (w *World) addDocument(d *Document) error {
	if d == nil {
		return nil
	}
	for _, s := range d.Thumbs {
		if err := w.measure(s); err != nil {
			return err
		}
	}
	if d.File != "" {
		info, err := os.Stat(filepath.Join(w.folder, d.File))
		if err != nil {
			return err
		}
		d.Bytes = info.Size()
	}
	if d.Mime == "" {
		d.Mime = "application/octet-stream"
	}
	if d.ID == 0 {
		d.ID = number(fmt.Sprint("document\x00", d.File, d.Bytes))
	}
	w.documents[d.ID] = d
	return nil
}

// measure reads the length and, where Go knows the format, the sides of a picture.
func (w *World) measure(s *Size) error {
	if s.File == "" {
		return nil
	}
	f, err := os.Open(filepath.Join(w.folder, s.File))
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	s.bytes = info.Size()
	if s.W == 0 {
		if read, _, err := image.DecodeConfig(f); err == nil {
			s.W, s.H = read.Width, read.Height
		}
	}
	return nil
}

func (w *World) user(id int64) *User {
	for _, u := range w.Users {
		if u.ID == id {
			return u
		}
	}
	return nil
}

func (w *World) channel(id int64) *Channel {
	for _, c := range w.Channels {
		if c.ID == id {
			return c
		}
	}
	return nil
}

func (w *World) account(phone string) *Account {
	for _, a := range w.Accounts {
		if a.Phone == digits(phone) {
			return a
		}
	}
	return nil
}

func (c *Channel) closedTo(a *Account) bool {
	return slices.Contains(c.ClosedTo, "*") || slices.Contains(c.ClosedTo, a.Phone)
}

func (c *Channel) named(name string) bool {
	return c.Username != "" && strings.EqualFold(c.Username, name) ||
		slices.ContainsFunc(c.Collectible, func(n string) bool { return strings.EqualFold(n, name) })
}

func digits(phone string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, phone)
}

// number makes a lasting id or access hash of a name: positive and not 0.
func number(name string) int64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return int64(h.Sum64()>>2) + 1
}
