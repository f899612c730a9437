package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"io"

	"github.com/gotd/td/bin"
	"github.com/gotd/td/crypto"
	"github.com/gotd/td/mt"
	"github.com/gotd/td/proto"
	"github.com/gotd/td/proto/codec"
)

// An unencrypted message: auth_key_id (8 bytes, 0), message id (8), length (4), then the constructor.
const constructorAt = 20

// legacyRSA lets clients in that hide their half of the key exchange the old way, with a SHA-1 in
// front: the server only knows RSA_PAD, so their request is packed anew.
type legacyRSA struct {
	codec.Full
	key *rsa.PrivateKey
}

func (l *legacyRSA) Read(r io.Reader, b *bin.Buffer) error {
	if err := l.Full.Read(r, b); err != nil {
		return err
	}
	raw := b.Raw()
	if len(raw) < constructorAt+4 || binary.LittleEndian.Uint64(raw) != 0 ||
		binary.LittleEndian.Uint32(raw[constructorAt:]) != mt.ReqDHParamsRequestTypeID {
		return nil
	}
	packed, err := l.repack(raw)
	if err == nil {
		b.ResetTo(packed)
	}
	return err
}

func (l *legacyRSA) repack(raw []byte) ([]byte, error) {
	var message proto.UnencryptedMessage
	if err := message.Decode(&bin.Buffer{Buf: raw}); err != nil {
		return nil, err
	}
	var request mt.ReqDHParamsRequest
	if err := request.Decode(&bin.Buffer{Buf: message.MessageData}); err != nil {
		return nil, err
	}
	if _, err := crypto.DecodeRSAPad(request.EncryptedData, l.key); err == nil {
		return raw, nil
	}
	inner, err := crypto.RSADecryptHashed(request.EncryptedData, l.key)
	if err != nil {
		return nil, err
	}
	if request.EncryptedData, err = crypto.RSAPad(inner, &l.key.PublicKey, rand.Reader); err != nil {
		return nil, err
	}
	var body, out bin.Buffer
	if err := request.Encode(&body); err != nil {
		return nil, err
	}
	message.MessageData = body.Raw()
	if err := message.Encode(&out); err != nil {
		return nil, err
	}
	return out.Raw(), nil
}
