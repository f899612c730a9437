// A server that speaks Telegram's protocol on this machine, for tests: see README.md.
package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gotd/td/tg"
	"github.com/gotd/td/tgtest"
	"github.com/gotd/td/transport"
)

func main() {
	folder := flag.String("world", "", "folder with world.json and the files it names")
	dc := flag.Int("dc", 2, "number of the data centre to be")
	flag.Parse()
	if err := serve(*folder, *dc); err != nil {
		fmt.Fprintln(os.Stderr, "mtproto:", err)
		os.Exit(1)
	}
}

func serve(folder string, dc int) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	// The parent holds the other end of the pipe: when it ends, however it ends, so does this.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()

	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	wire, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	control, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	port := wire.Addr().(*net.TCPAddr).Port
	h, err := newHandler(folder, dc, port)
	if err != nil {
		return err
	}
	page := &http.Server{Handler: h.control(), ReadHeaderTimeout: time.Minute}
	go func() { _ = page.Serve(control) }()
	defer page.Close()

	public := pem.EncodeToMemory(&pem.Block{
		Type:  "RSA PUBLIC KEY",
		Bytes: x509.MarshalPKCS1PublicKey(&key.PublicKey),
	})
	ready := map[string]any{
		"host": "127.0.0.1", "port": port, "dc": dc, "layer": tg.Layer, "public_key": string(public),
		"control": fmt.Sprintf("http://%s", control.Addr()),
	}
	if err := json.NewEncoder(os.Stdout).Encode(ready); err != nil {
		return err
	}
	server := tgtest.NewServer(tgtest.NewPrivateKey(key), tgtest.UnpackInvoke(h), tgtest.ServerOptions{
		DC: dc,
		// Clients ping once a minute, and a stopped one (SIGSTOP, a debugger) may come back.
		ReadTimeout: time.Hour,
	})
	err = server.Serve(ctx, transport.ListenCodec(func() transport.Codec {
		return &legacyRSA{key: key}
	}, wire))
	if ctx.Err() != nil {
		return nil
	}
	return err
}
