// SPDX-License-Identifier: MIT OR Apache-2.0
// A child in Go: go build example.go && run_child -- ./example

//go:build ignore

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"pipehandler"
)

func main() {
	handler := pipehandler.New(slog.NewTextHandler(os.Stderr, nil))
	defer handler.Close()
	slog.SetDefault(slog.New(handler))

	slog.Info("hello from Go, 3 carts are open")
	logger := slog.New(handler.WithTarget("shop.db")).With("table", "carts")
	logger.Warn("slow query", "took", 12500*time.Microsecond, slog.Group("rows", "read", 21, "sent", 3))
	err := fmt.Errorf("the database did not answer: %w", errors.New("connection reset by peer"))
	logger.Error("cannot save the cart", "err", err, "cart", 4711)
}
