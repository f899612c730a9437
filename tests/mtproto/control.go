package main

import (
	"fmt"
	"io"
	"net/http"

	"github.com/gotd/td/tgerr"
)

// control is what tests order by: see README.md.
func (h *handler) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /calls", func(w http.ResponseWriter, _ *http.Request) {
		data, err := h.listCalls()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(data)
	})
	order := func(path string, obey func(body []byte) error) {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err == nil {
				err = obey(body)
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
			}
		})
	}
	order("/flood", func(body []byte) error {
		wanted := struct {
			fault
			Seconds int `json:"seconds"`
		}{fault: fault{Code: 420, Times: 1}}
		if err := strict(body, &wanted); err != nil {
			return err
		}
		wanted.Error = fmt.Sprintf("FLOOD_WAIT_%d", wanted.Seconds)
		h.addFault(&wanted.fault)
		return nil
	})
	order("/fail", func(body []byte) error {
		wanted := fault{Code: 400, Times: 1}
		if err := strict(body, &wanted); err != nil {
			return err
		}
		h.addFault(&wanted)
		return nil
	})
	order("/expire", func([]byte) error {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.epoch++
		return nil
	})
	order("/reload", func([]byte) error { return h.reload() })
	order("/reset", func([]byte) error {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.calls, h.faults = nil, nil
		return nil
	})
	return mux
}

func (h *handler) addFault(f *fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = append(h.faults, f)
}

func isPrivate(err error) bool { return tgerr.Is(err, "CHANNEL_PRIVATE") }
