package main

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/gotd/td/tg"
)

// messageOf shows a message as this account sees it.
func (c *call) messageOf(ch *Channel, m *Message) tg.MessageClass {
	var from tg.PeerClass
	switch {
	case m.From != 0:
		from = &tg.PeerUser{UserID: m.From}
	case m.FromChannel != 0:
		from = &tg.PeerChannel{ChannelID: m.FromChannel}
	}
	post := ch.Kind == "channel"
	if m.Service != nil {
		shown := &tg.MessageService{
			ID: m.ID, PeerID: ch.peer(), FromID: from, Date: m.Date, Post: post,
			Action: c.action(m.Service, post),
		}
		if pinned := m.Service.Pin; pinned != 0 {
			reply := &tg.MessageReplyHeader{}
			reply.SetReplyToMsgID(pinned)
			shown.ReplyTo = reply
		}
		return shown
	}
	shown := &tg.Message{
		ID: m.ID, PeerID: ch.peer(), FromID: from, Date: m.Date, Message: m.Text, Post: post,
		Entities: entities(m.Entities), Forwards: m.Forwards, EditDate: m.EditDate,
		GroupedID: m.GroupedID, PostAuthor: m.Author, Pinned: m.Pinned,
		Noforwards: m.Noforwards || ch.Noforwards, RestrictionReason: reasons(m.Restricted),
		Media: c.media(m), Reactions: reactions(m.Reactions),
	}
	if post {
		shown.SetViews(m.Views)
	}
	if f := m.Forward; f != nil {
		shown.FwdFrom = tg.MessageFwdHeader{
			FromName: f.Name, Date: f.Date, ChannelPost: f.Post, PostAuthor: f.Author,
		}
		switch {
		case f.Channel != 0:
			shown.FwdFrom.FromID = &tg.PeerChannel{ChannelID: f.Channel}
		case f.User != 0:
			shown.FwdFrom.FromID = &tg.PeerUser{UserID: f.User}
		}
		if m.ThreadOf != 0 {
			shown.FwdFrom.SavedFromPeer = shown.FwdFrom.FromID
			shown.FwdFrom.SavedFromMsgID = m.ThreadOf
		}
	}
	if m.ReplyTo != 0 {
		reply := &tg.MessageReplyHeader{}
		reply.SetReplyToMsgID(m.ReplyTo)
		if m.Thread != 0 && m.Thread != m.ReplyTo {
			reply.SetReplyToTopID(m.Thread)
		}
		shown.ReplyTo = reply
	}
	if group, top := c.thread(ch, m.ID); group != nil && (group != ch || len(ch.threads[top]) > 0) {
		ids := group.threads[top]
		shown.Replies = tg.MessageReplies{
			Comments: group != ch, Replies: len(ids), RepliesPts: 1,
		}
		shown.Replies.SetFlags()
		if group != ch {
			shown.Replies.SetChannelID(group.ID)
		}
		if len(ids) > 0 {
			shown.Replies.SetMaxID(ids[len(ids)-1])
		}
	}
	return shown
}

// thread finds where the replies to a message are: the group, and the id of their first message.
func (c *call) thread(ch *Channel, id int) (*Channel, int) {
	if ch.Kind == "supergroup" {
		return ch, id
	}
	if group := c.world.channel(ch.Linked); group != nil && group.tops[id] != 0 {
		return group, group.tops[id]
	}
	return nil, 0
}

func (c *call) action(s *Service, post bool) tg.MessageActionClass {
	switch {
	case s.Create != "" && post:
		return &tg.MessageActionChannelCreate{Title: s.Create}
	case s.Create != "":
		return &tg.MessageActionChatCreate{Title: s.Create}
	case s.Title != "":
		return &tg.MessageActionChatEditTitle{Title: s.Title}
	case s.Photo != nil:
		return &tg.MessageActionChatEditPhoto{Photo: c.photoOf(s.Photo)}
	case s.Pin != 0:
		return &tg.MessageActionPinMessage{}
	case s.MigrateTo != 0:
		return &tg.MessageActionChatMigrateTo{ChannelID: s.MigrateTo}
	case s.MigrateFrom != 0:
		title := ""
		if from := c.world.channel(s.MigrateFrom); from != nil {
			title = from.Title
		}
		return &tg.MessageActionChannelMigrateFrom{Title: title, ChatID: s.MigrateFrom}
	}
	return &tg.MessageActionEmpty{}
}

func entities(given []Entity) []tg.MessageEntityClass {
	var all []tg.MessageEntityClass
	for _, e := range given {
		var one tg.MessageEntityClass
		switch e.Type {
		case "mention":
			one = &tg.MessageEntityMention{Offset: e.Offset, Length: e.Length}
		case "mention_name":
			one = &tg.MessageEntityMentionName{Offset: e.Offset, Length: e.Length, UserID: e.User}
		case "url":
			one = &tg.MessageEntityURL{Offset: e.Offset, Length: e.Length}
		case "text_url":
			one = &tg.MessageEntityTextURL{Offset: e.Offset, Length: e.Length, URL: e.URL}
		case "hashtag":
			one = &tg.MessageEntityHashtag{Offset: e.Offset, Length: e.Length}
		case "spoiler":
			one = &tg.MessageEntitySpoiler{Offset: e.Offset, Length: e.Length}
		case "bold":
			one = &tg.MessageEntityBold{Offset: e.Offset, Length: e.Length}
		default:
			one = &tg.MessageEntityUnknown{Offset: e.Offset, Length: e.Length}
		}
		all = append(all, one)
	}
	return all
}

// reactions counts by emoji, by the id of a custom one, or "paid".
func reactions(given map[string]int) tg.MessageReactions {
	var all tg.MessageReactions
	for name, count := range given {
		var kind tg.ReactionClass = &tg.ReactionEmoji{Emoticon: name}
		if id, err := strconv.ParseInt(name, 10, 64); err == nil {
			kind = &tg.ReactionCustomEmoji{DocumentID: id}
		} else if name == "paid" {
			kind = &tg.ReactionPaid{}
		}
		all.Results = append(all.Results, tg.ReactionCount{Reaction: kind, Count: count})
	}
	slices.SortFunc(all.Results, func(a, b tg.ReactionCount) int {
		return cmp.Or(b.Count-a.Count, cmp.Compare(a.Reaction.String(), b.Reaction.String()))
	})
	return all
}

// company lists the chats and users that messages speak of.
func (c *call) company(ch *Channel, messages []*Message) ([]tg.ChatClass, []tg.UserClass) {
	chats, users := []int64{ch.ID}, []int64{}
	if len(messages) > 0 {
		chats = append(chats, ch.Linked)
	}
	for _, m := range messages {
		chats, users = append(chats, m.FromChannel), append(users, m.From)
		if m.Forward != nil {
			chats, users = append(chats, m.Forward.Channel), append(users, m.Forward.User)
		}
		if m.Service != nil {
			chats = append(chats, m.Service.MigrateTo, m.Service.MigrateFrom)
		}
	}
	var shownChats []tg.ChatClass
	var shownUsers []tg.UserClass
	for _, id := range distinct(chats) {
		if found := c.world.channel(id); found != nil {
			shownChats = append(shownChats, c.chatOf(found))
		}
	}
	for _, id := range distinct(users) {
		if found := c.world.user(id); found != nil {
			shownUsers = append(shownUsers, c.userOf(found))
		}
	}
	return shownChats, shownUsers
}

func distinct(ids []int64) []int64 {
	slices.Sort(ids)
	return slices.Compact(ids)
}
