package main

import (
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/gotd/td/bin"
	"github.com/gotd/td/tg"
)

func (c *call) media(m *Message) tg.MessageMediaClass {
	switch {
	case m.Photo != nil:
		return &tg.MessageMediaPhoto{Photo: c.photoOf(m.Photo), Spoiler: m.Photo.Spoiler}
	case m.Document != nil:
		d := m.Document
		return &tg.MessageMediaDocument{
			Document: c.documentOf(d), Video: d.Video, Round: d.Round, Voice: d.Voice,
			Spoiler: d.Spoiler,
		}
	case m.WebPage != nil:
		page := &tg.WebPage{
			ID: number(m.WebPage.URL), URL: m.WebPage.URL, DisplayURL: m.WebPage.URL,
			Title: m.WebPage.Title,
		}
		if m.WebPage.Photo != nil {
			page.Photo = c.photoOf(m.WebPage.Photo)
		}
		return &tg.MessageMediaWebPage{Webpage: page}
	case m.Other == "geo":
		return &tg.MessageMediaGeo{Geo: &tg.GeoPoint{Long: 126.98, Lat: 37.57}}
	case m.Other != "":
		return &tg.MessageMediaUnsupported{}
	}
	return nil
}

func sizes(given []*Size) []tg.PhotoSizeClass {
	var all []tg.PhotoSizeClass
	for _, s := range given {
		switch {
		case len(s.Stripped) > 0:
			all = append(all, &tg.PhotoStrippedSize{Type: s.Type, Bytes: s.Stripped})
		case len(s.Progressive) > 0:
			all = append(all, &tg.PhotoSizeProgressive{
				Type: s.Type, W: s.W, H: s.H, Sizes: append(slices.Clone(s.Progressive), int(s.bytes)),
			})
		default:
			all = append(all, &tg.PhotoSize{Type: s.Type, W: s.W, H: s.H, Size: int(s.bytes)})
		}
	}
	return all
}

func (c *call) photoOf(p *Photo) *tg.Photo {
	return &tg.Photo{
		ID: p.ID, AccessHash: c.hash("photo", p.ID), FileReference: c.reference(p.ID),
		Date: p.Date, Sizes: sizes(p.Sizes), DCID: c.dc,
	}
}

func (c *call) documentOf(d *Document) *tg.Document {
	shown := &tg.Document{
		ID: d.ID, AccessHash: c.hash("document", d.ID), FileReference: c.reference(d.ID),
		Date: d.Date, MimeType: d.Mime, Size: d.Bytes, Thumbs: sizes(d.Thumbs), DCID: c.dc,
	}
	add := func(a tg.DocumentAttributeClass) { shown.Attributes = append(shown.Attributes, a) }
	switch {
	case d.Video || d.Round || d.Animated:
		add(&tg.DocumentAttributeVideo{
			Duration: d.Duration, W: d.W, H: d.H, RoundMessage: d.Round, SupportsStreaming: d.Video,
			Nosound: d.Animated,
		})
	case d.Audio || d.Voice:
		add(&tg.DocumentAttributeAudio{Duration: int(d.Duration), Voice: d.Voice})
	case d.W > 0:
		add(&tg.DocumentAttributeImageSize{W: d.W, H: d.H})
	}
	if d.Animated {
		add(&tg.DocumentAttributeAnimated{})
	}
	if d.Sticker != "" {
		add(&tg.DocumentAttributeSticker{Alt: d.Sticker, Stickerset: &tg.InputStickerSetEmpty{}})
	}
	if d.Emoji != "" {
		add(&tg.DocumentAttributeCustomEmoji{
			Alt: d.Emoji, Stickerset: &tg.InputStickerSetEmpty{},
		})
	}
	if d.Name != "" {
		add(&tg.DocumentAttributeFilename{FileName: d.Name})
	}
	return shown
}

// reference makes the file reference of a medium: good until the epoch ends.
func (c *call) reference(id int64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, c.epoch), uint64(id))
}

func getFile(c *call, r *tg.UploadGetFileRequest) (bin.Encoder, error) {
	c.argue("offset", r.Offset)
	c.argue("limit", r.Limit)
	file, size, err := c.located(r.Location)
	if err != nil {
		return nil, err
	}
	step := int64(4096)
	if r.Precise {
		step = 1024
	}
	switch {
	case r.Offset < 0 || r.Offset%step != 0:
		return nil, bad("OFFSET_INVALID")
	case r.Limit <= 0 || r.Limit > 1<<20 || int64(r.Limit)%step != 0 ||
		!r.Precise && 1<<20%r.Limit != 0 ||
		r.Offset>>20 != (r.Offset+int64(r.Limit)-1)>>20:
		return nil, bad("LIMIT_INVALID")
	}
	part := make([]byte, max(0, min(int64(r.Limit), size-r.Offset)))
	if file != "" {
		f, err := os.Open(filepath.Join(c.world.folder, file))
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if _, err := f.ReadAt(part, r.Offset); err != nil && err != io.EOF {
			return nil, err
		}
	}
	return &tg.UploadFile{Type: &tg.StorageFilePartial{}, Bytes: part}, nil
}

// located finds the file, or the number of zeros, that a location names.
func (c *call) located(in tg.InputFileLocationClass) (string, int64, error) {
	switch l := in.(type) {
	case *tg.InputPhotoFileLocation:
		c.argue("photo", l.ID)
		c.argue("thumb", l.ThumbSize)
		p := c.world.photos[l.ID]
		if p == nil || l.AccessHash != c.hash("photo", l.ID) {
			return "", 0, bad("FILE_ID_INVALID")
		}
		if string(l.FileReference) != string(c.reference(l.ID)) {
			return "", 0, bad("FILE_REFERENCE_EXPIRED")
		}
		return stored(p.Sizes, l.ThumbSize)
	case *tg.InputDocumentFileLocation:
		c.argue("document", l.ID)
		c.argue("thumb", l.ThumbSize)
		d := c.world.documents[l.ID]
		if d == nil || l.AccessHash != c.hash("document", l.ID) {
			return "", 0, bad("FILE_ID_INVALID")
		}
		if string(l.FileReference) != string(c.reference(l.ID)) {
			return "", 0, bad("FILE_REFERENCE_EXPIRED")
		}
		if l.ThumbSize == "" {
			return d.File, d.Bytes, nil
		}
		return stored(d.Thumbs, l.ThumbSize)
	case *tg.InputPeerPhotoFileLocation:
		c.argue("photo", l.PhotoID)
		ch, err := c.peer(l.Peer)
		if err != nil {
			return "", 0, err
		}
		if ch.Photo != nil && ch.Photo.ID == l.PhotoID && len(ch.Photo.Sizes) > 0 {
			return ch.Photo.Sizes[0].File, ch.Photo.Sizes[0].bytes, nil
		}
	}
	return "", 0, bad("LOCATION_INVALID")
}

func stored(sizes []*Size, kind string) (string, int64, error) {
	for _, s := range sizes {
		if s.Type == kind && s.File != "" {
			return s.File, s.bytes, nil
		}
	}
	return "", 0, bad("LOCATION_INVALID")
}
