package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/gotd/td/bin"
	"github.com/gotd/td/tg"
)

var usernames = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{3,31}$`)

// hash is the access hash under which this account, and no other, may name something.
func (c *call) hash(kind string, id int64) int64 {
	return number(fmt.Sprint(c.account.Phone, "\x00", kind, id))
}

// named finds a channel or supergroup as named in a request.
func (c *call) named(in tg.InputChannelClass) (*Channel, error) {
	var id int64
	switch p := in.(type) {
	case *tg.InputChannel:
		id = p.ChannelID
		if p.AccessHash != c.hash("channel", id) {
			return nil, bad("CHANNEL_INVALID")
		}
	case *tg.InputChannelFromMessage:
		id = p.ChannelID
	}
	c.argue("channel", id)
	found := c.world.channel(id)
	if found == nil || found.Kind == "chat" {
		return nil, bad("CHANNEL_INVALID")
	}
	if found.closedTo(c.account) {
		return nil, bad("CHANNEL_PRIVATE")
	}
	return found, nil
}

// peer finds a place with messages.
func (c *call) peer(in tg.InputPeerClass) (*Channel, error) {
	switch p := in.(type) {
	case *tg.InputPeerChannel:
		return c.named(&tg.InputChannel{ChannelID: p.ChannelID, AccessHash: p.AccessHash})
	case *tg.InputPeerChannelFromMessage:
		return c.named(&tg.InputChannelFromMessage{ChannelID: p.ChannelID})
	case *tg.InputPeerChat:
		c.argue("chat", p.ChatID)
		found := c.world.channel(p.ChatID)
		if found != nil && found.Kind == "chat" && !found.closedTo(c.account) {
			return found, nil
		}
	}
	return nil, bad("PEER_ID_INVALID")
}

func (ch *Channel) peer() tg.PeerClass {
	if ch.Kind == "chat" {
		return &tg.PeerChat{ChatID: ch.ID}
	}
	return &tg.PeerChannel{ChannelID: ch.ID}
}

// chatOf shows a place as this account sees it.
func (c *call) chatOf(ch *Channel) tg.ChatClass {
	closed, group := ch.closedTo(c.account), ch.Kind == "supergroup"
	var photo tg.ChatPhotoClass = &tg.ChatPhotoEmpty{}
	if ch.Photo != nil {
		photo = &tg.ChatPhoto{PhotoID: ch.Photo.ID, DCID: c.dc}
	}
	switch {
	case ch.Kind == "chat" && closed:
		return &tg.ChatForbidden{ID: ch.ID, Title: ch.Title}
	case ch.Kind == "chat":
		shown := &tg.Chat{
			ID: ch.ID, Title: ch.Title, Photo: photo, Date: ch.Date, Version: 1,
			ParticipantsCount: ch.Participants,
		}
		if to := ch.MigratedTo; to != 0 {
			shown.Deactivated = true
			shown.MigratedTo = &tg.InputChannel{ChannelID: to, AccessHash: c.hash("channel", to)}
		}
		return shown
	case closed:
		return &tg.ChannelForbidden{
			ID: ch.ID, AccessHash: c.hash("channel", ch.ID), Title: ch.Title,
			Broadcast: !group, Megagroup: group,
		}
	}
	shown := &tg.Channel{
		ID: ch.ID, Title: ch.Title, Username: ch.Username, Photo: photo, Date: ch.Date,
		Broadcast: !group, Megagroup: group, Left: true, Verified: ch.Verified, Scam: ch.Scam,
		Noforwards: ch.Noforwards, HasLink: ch.Linked != 0, ParticipantsCount: ch.Participants,
		Restricted: len(ch.Restricted) > 0, RestrictionReason: reasons(ch.Restricted),
	}
	shown.SetAccessHash(c.hash("channel", ch.ID))
	for _, name := range ch.Collectible {
		shown.Usernames = append(shown.Usernames, tg.Username{Username: name, Active: true})
	}
	return shown
}

func reasons(given []Reason) []tg.RestrictionReason {
	var all []tg.RestrictionReason
	for _, r := range given {
		all = append(all, tg.RestrictionReason{Platform: r.Platform, Reason: r.Reason, Text: r.Text})
	}
	return all
}

func (c *call) userOf(u *User) *tg.User {
	shown := &tg.User{
		ID: u.ID, FirstName: u.Name, Username: u.Username, Bot: u.Bot, Deleted: u.Deleted,
		Self: c.account.User == u.ID,
	}
	if u.Bot {
		shown.BotInfoVersion = 1
	}
	if shown.Self {
		shown.Phone = c.account.Phone
	}
	shown.SetAccessHash(c.hash("user", u.ID))
	return shown
}

func getUsers(c *call, r *tg.UsersGetUsersRequest) (bin.Encoder, error) {
	var found tg.UserClassVector
	for _, in := range r.ID {
		var id int64
		switch p := in.(type) {
		case *tg.InputUserSelf:
			id = c.account.User
		case *tg.InputUser:
			if p.AccessHash == c.hash("user", p.UserID) {
				id = p.UserID
			}
		case *tg.InputUserFromMessage:
			id = p.UserID
		}
		if u := c.world.user(id); u != nil {
			found.Elems = append(found.Elems, c.userOf(u))
		}
	}
	return &found, nil
}

func resolveUsername(c *call, r *tg.ContactsResolveUsernameRequest) (bin.Encoder, error) {
	c.argue("username", r.Username)
	if !usernames.MatchString(r.Username) {
		return nil, bad("USERNAME_INVALID")
	}
	for _, ch := range c.world.Channels {
		if ch.named(r.Username) {
			return &tg.ContactsResolvedPeer{
				Peer: ch.peer(), Chats: []tg.ChatClass{c.chatOf(ch)},
			}, nil
		}
	}
	for _, u := range c.world.Users {
		if u.Username != "" && strings.EqualFold(u.Username, r.Username) {
			return &tg.ContactsResolvedPeer{
				Peer: &tg.PeerUser{UserID: u.ID}, Users: []tg.UserClass{c.userOf(u)},
			}, nil
		}
	}
	return nil, bad("USERNAME_NOT_OCCUPIED")
}

func getChannels(c *call, r *tg.ChannelsGetChannelsRequest) (bin.Encoder, error) {
	found := &tg.MessagesChats{}
	for _, in := range r.ID {
		ch, err := c.named(in)
		if err != nil && !isPrivate(err) {
			return nil, err
		}
		if ch == nil {
			// Shown by its title only.
			ch = c.world.channel(in.(interface{ GetChannelID() int64 }).GetChannelID())
		}
		found.Chats = append(found.Chats, c.chatOf(ch))
	}
	return found, nil
}

func getChats(c *call, r *tg.MessagesGetChatsRequest) (bin.Encoder, error) {
	c.argue("chats", r.ID)
	found := &tg.MessagesChats{}
	for _, id := range r.ID {
		ch := c.world.channel(id)
		if ch == nil || ch.Kind != "chat" {
			return nil, bad("CHAT_ID_INVALID")
		}
		found.Chats = append(found.Chats, c.chatOf(ch))
	}
	return found, nil
}

func getFullChannel(c *call, r *tg.ChannelsGetFullChannelRequest) (bin.Encoder, error) {
	ch, err := c.named(r.Channel)
	if err != nil {
		return nil, err
	}
	full := &tg.ChannelFull{
		ID: ch.ID, About: ch.About, ParticipantsCount: ch.Participants, Pts: 1,
		ChatPhoto: &tg.PhotoEmpty{}, LinkedChatID: ch.Linked, MigratedFromChatID: ch.MigratedFrom,
	}
	if ch.Photo != nil {
		full.ChatPhoto = c.photoOf(ch.Photo)
	}
	answer := &tg.MessagesChatFull{FullChat: full, Chats: []tg.ChatClass{c.chatOf(ch)}}
	if linked := c.world.channel(ch.Linked); linked != nil {
		answer.Chats = append(answer.Chats, c.chatOf(linked))
	}
	if from := c.world.channel(ch.MigratedFrom); from != nil {
		if n := len(from.ids); n > 0 {
			full.MigratedFromMaxID = from.ids[n-1]
		}
		answer.Chats = append(answer.Chats, c.chatOf(from))
	}
	return answer, nil
}
