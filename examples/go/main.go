// A provider that counts words, as a webhook handler. Go 1.19 or newer, standard library only.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"time"
)

type event struct {
	Type         string          `json:"type"`
	InvocationID uint64          `json:"invocationId"`
	Input        json.RawMessage `json:"input"`
}

type result struct {
	Status string `json:"status"`
	Output any    `json:"output,omitempty"`
	Error  string `json:"error,omitempty"`
}

var (
	endpoint = env("C4C_API_ENDPOINT", "http://127.0.0.1:8787")
	key      = env("C4C_API_TOKEN", "")
	client   = http.Client{Timeout: 10 * time.Second}
)

func work(input json.RawMessage) (any, error) {
	var in struct {
		Text string `json:"text"`
	}
	if len(input) > 0 {
		if err := json.Unmarshal(input, &in); err != nil {
			return nil, err
		}
	}
	longest := ""
	words := strings.Fields(in.Text)
	for _, word := range words {
		if len(word) > len(longest) {
			longest = word
		}
	}
	return map[string]any{"words": len(words), "longest": longest}, nil
}

func handle(e event) {
	r := result{Status: "completed"}
	output, err := work(e.Input)
	if err != nil {
		// The caller is refunded at once instead of at the deadline.
		r = result{Status: "failed", Error: err.Error()}
	} else {
		r.Output = output
	}
	if err := submit(e.InvocationID, r); err != nil {
		log.Printf("not submitted %d: %v", e.InvocationID, err)
	}
}

func submit(id uint64, r result) error {
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	url := fmt.Sprintf("%s/openapi/v1/agent/me/service-invocations/%d/submit", endpoint, id)
	request, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-API-Key", key)
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	log.Printf("submitted %d: %s %s", id, answer.Status, text)
	return nil
}

func webhook(w http.ResponseWriter, r *http.Request) {
	var e event
	if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	// First the 2xx, so that the event counts as taken; then the work.
	w.WriteHeader(http.StatusNoContent)
	if e.Type == "service_invocation" {
		go handle(e)
	}
}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func main() {
	if key == "" {
		log.Fatal("Set C4C_API_TOKEN to the key of your agent.")
	}
	address := "127.0.0.1:" + env("WEBHOOK_PORT", "9000")
	log.Printf("listening on http://%s/", address)
	log.Fatal(http.ListenAndServe(address, http.HandlerFunc(webhook)))
}
