package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"math/big"
	"time"

	"github.com/gotd/td/bin"
	"github.com/gotd/td/crypto/srp"
	"github.com/gotd/td/exchange"
	"github.com/gotd/td/tg"
	"github.com/gotd/td/tgerr"
)

func getConfig(c *call, _ *tg.HelpGetConfigRequest) (bin.Encoder, error) {
	now := int(time.Now().Unix())
	return &tg.Config{
		Date: now, Expires: now + 3600, ThisDC: c.dc,
		DCOptions:   []tg.DCOption{{ID: c.dc, IPAddress: "127.0.0.1", Port: c.port}},
		ChatSizeMax: 200, MegagroupSizeMax: 200_000, MeURLPrefix: "https://t.me/",
		CaptionLengthMax: 1024, MessageLengthMax: 4096, WebfileDCID: c.dc,
	}, nil
}

func sendCode(c *call, r *tg.AuthSendCodeRequest) (bin.Encoder, error) {
	c.argue("phone", digits(r.PhoneNumber))
	a := c.world.account(r.PhoneNumber)
	switch {
	case a == nil:
		return nil, bad("PHONE_NUMBER_INVALID")
	case a.State == "banned":
		return nil, bad("PHONE_NUMBER_BANNED")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.login.codeFor = a.Phone
	c.login.codeHash = fmt.Sprintf("%016x", number(fmt.Sprint(a.Phone, time.Now().UnixNano())))
	return &tg.AuthSentCode{
		Type:          &tg.AuthSentCodeTypeApp{Length: len(a.Code)},
		PhoneCodeHash: c.login.codeHash,
		Timeout:       60,
	}, nil
}

func signIn(c *call, r *tg.AuthSignInRequest) (bin.Encoder, error) {
	c.argue("phone", digits(r.PhoneNumber))
	a := c.world.account(r.PhoneNumber)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case a == nil:
		return nil, bad("PHONE_NUMBER_INVALID")
	case c.login.codeFor != a.Phone || c.login.codeHash != r.PhoneCodeHash:
		return nil, bad("PHONE_CODE_EXPIRED")
	case r.PhoneCode == "":
		return nil, bad("PHONE_CODE_EMPTY")
	case r.PhoneCode != a.Code:
		return nil, bad("PHONE_CODE_INVALID")
	case a.Password != "":
		c.login.passFor = a.Phone
		return nil, tgerr.New(401, "SESSION_PASSWORD_NEEDED")
	}
	return c.enter(a), nil
}

// enter logs in; the lock is held.
func (c *call) enter(a *Account) *tg.AuthAuthorization {
	*c.login = login{phone: a.Phone}
	c.entry.Account = a.Phone
	c.account = a
	return &tg.AuthAuthorization{User: c.userOf(c.world.user(a.User))}
}

func logOut(c *call, _ *tg.AuthLogOutRequest) (bin.Encoder, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*c.login = login{}
	return &tg.AuthLoggedOut{}, nil
}

// passwordCheck is the server's half of a log-in by password (SRP-6a).
type passwordCheck struct {
	id       int64
	algo     tg.PasswordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow
	p, v, b  *big.Int
	verifier []byte
	public   []byte
}

func newPasswordCheck(password string) (*passwordCheck, error) {
	p, err := exchange.TestServerRNG{}.DhPrime()
	if err != nil {
		return nil, err
	}
	random := make([]byte, 8+16+256)
	if _, err := rand.Read(random); err != nil {
		return nil, err
	}
	s := &passwordCheck{id: new(big.Int).SetBytes(random[:7]).Int64(), p: p}
	s.algo.Salt1, s.algo.Salt2, s.algo.G = random[8:16], random[16:24], 3
	s.algo.P = p.FillBytes(make([]byte, 256))
	s.verifier, s.algo.Salt1, err = srp.NewSRP(rand.Reader).NewHash([]byte(password), srp.Input{
		Salt1: s.algo.Salt1, Salt2: s.algo.Salt2, G: s.algo.G, P: s.algo.P,
	})
	if err != nil {
		return nil, err
	}
	s.v = new(big.Int).SetBytes(s.verifier)
	s.b = new(big.Int).SetBytes(random[24:])
	g := big.NewInt(int64(s.algo.G))
	k := new(big.Int).SetBytes(digest(s.algo.P, pad(g)))
	gb := new(big.Int).Exp(g, s.b, p)
	s.public = pad(gb.Add(gb, k.Mul(k, s.v)).Mod(gb, p))
	return s, nil
}

// fits tells whether the client proved that it knows the password.
// Source: core.telegram.org/api/srp.
func (s *passwordCheck) fits(r *tg.InputCheckPasswordSRP) bool {
	a := new(big.Int).SetBytes(r.A)
	if r.SRPID != s.id || a.Sign() == 0 || a.Cmp(s.p) >= 0 {
		return false
	}
	u := new(big.Int).SetBytes(digest(pad(a), s.public))
	shared := new(big.Int).Exp(s.v, u, s.p)
	shared.Mul(shared, a).Exp(shared, s.b, s.p)
	mixed := digest(s.algo.P)
	for i, x := range digest(pad(big.NewInt(int64(s.algo.G)))) {
		mixed[i] ^= x
	}
	proof := digest(
		mixed, digest(s.algo.Salt1), digest(s.algo.Salt2), pad(a), s.public, digest(pad(shared)),
	)
	return bytes.Equal(proof, r.M1)
}

func digest(parts ...[]byte) []byte {
	sum := sha256.Sum256(bytes.Join(parts, nil))
	return sum[:]
}

func pad(n *big.Int) []byte { return n.FillBytes(make([]byte, 256)) }

func getPassword(c *call, _ *tg.AccountGetPasswordRequest) (bin.Encoder, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.account
	if a == nil {
		a = c.world.account(c.login.passFor)
	}
	answer := &tg.AccountPassword{
		NewAlgo:       &tg.PasswordKdfAlgoUnknown{},
		NewSecureAlgo: &tg.SecurePasswordKdfAlgoUnknown{},
		SecureRandom:  []byte{1},
	}
	if a == nil || a.Password == "" {
		return answer, nil
	}
	check, err := newPasswordCheck(a.Password)
	if err != nil {
		return nil, err
	}
	c.login.password = check
	answer.HasPassword = true
	answer.CurrentAlgo = &check.algo
	answer.SRPB, answer.SRPID = check.public, check.id
	return answer, nil
}

func checkPassword(c *call, r *tg.AuthCheckPasswordRequest) (bin.Encoder, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.world.account(c.login.passFor)
	if a == nil {
		return nil, tgerr.New(401, "AUTH_KEY_UNREGISTERED")
	}
	given, ok := r.Password.(*tg.InputCheckPasswordSRP)
	if check := c.login.password; !ok || check == nil || !check.fits(given) {
		return nil, bad("PASSWORD_HASH_INVALID")
	}
	return c.enter(a), nil
}

func getContentSettings(c *call, _ *tg.AccountGetContentSettingsRequest) (bin.Encoder, error) {
	return &tg.AccountContentSettings{
		SensitiveEnabled: c.seesAll(), SensitiveCanChange: !c.account.SensitiveLocked,
	}, nil
}

func setContentSettings(c *call, r *tg.AccountSetContentSettingsRequest) (bin.Encoder, error) {
	if c.account.SensitiveLocked {
		return nil, tgerr.New(403, "SENSITIVE_CHANGE_FORBIDDEN")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sensitive[c.account.Phone] = r.SensitiveEnabled
	return &tg.BoolTrue{}, nil
}

// seesAll tells whether the account has asked for what is not for everybody.
func (c *call) seesAll() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sensitive[c.account.Phone]
}

func getState(_ *call, _ *tg.UpdatesGetStateRequest) (bin.Encoder, error) {
	return &tg.UpdatesState{Pts: 1, Date: int(time.Now().Unix())}, nil
}

func getDifference(_ *call, _ *tg.UpdatesGetDifferenceRequest) (bin.Encoder, error) {
	return &tg.UpdatesDifferenceEmpty{Date: int(time.Now().Unix())}, nil
}
