// The test child: `child SCENARIO [ARG..]`. tests/clients/main.rs says what each scenario does.

//go:build ignore

package main

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"

	"pipehandler"
)

const unicode = "grüße 漢字 🦀 \u0007 \u001b[31m \n \u2028"

const trace = slog.LevelDebug - 4

func main() {
	handler := pipehandler.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{ReplaceAttr: typesOnly}))
	defer handler.Close()
	slog.SetDefault(slog.New(handler))
	var numbers [2]int
	for i, arg := range os.Args[2:] {
		numbers[i%2], _ = strconv.Atoi(arg)
	}
	switch os.Args[1] {
	case "hello":
		slog.New(handler.WithTarget("clients.hello")).Info("hello from go", "user", "ada", "n", 7)
	case "types":
		types()
	case "error":
		slog.Error("failed", "err", fmt.Errorf("cannot open: %w", errors.New("no such file")))
	case "nasty":
		nasty()
	case "flood":
		flood(slog.Default(), numbers[0], numbers[1])
	case "json":
		flood(slog.New(slog.NewJSONHandler(os.Stderr, nil)), numbers[0], numbers[1])
	case "big":
		slog.Info(strings.Repeat("x", numbers[0]))
		slog.Info("after")
	case "unicode":
		slog.Info(unicode, unicode, unicode)
	case "uncaught":
		panic(errors.New("nobody catches this"))
	case "ack":
		for n := 0; ; n++ {
			slog.Info("ack", "n", n)
			fmt.Println(n)
		}
	case "survive":
		fmt.Println("ready")
		bufio.NewReader(os.Stdin).ReadString('\n')
		for n := range numbers[0] {
			slog.Info("survive", "n", n)
		}
		fmt.Println("done")
	}
}

// typesOnly keeps values from the text handler that end the program (a cycle) or never end (the list with 100^12 paths).
func typesOnly(_ []string, attr slog.Attr) slog.Attr {
	if attr.Value.Kind() == slog.KindAny && attr.Key == "value" {
		attr.Value = slog.StringValue(fmt.Sprintf("%T", attr.Value.Any()))
	}
	return attr
}

func types() {
	for _, row := range []struct {
		name  string
		value any
	}{
		{"null", nil}, {"bool", true}, {"int", -7}, {"big", 1<<53 + 1}, {"unsigned", uint64(math.MaxUint64)},
		{"float", 1.5}, {"whole", 1.0}, {"text", "x"}, {"list", []any{1, "a", nil}},
		{"map", map[string]any{"a": 1, "b": []bool{true}}},
	} {
		slog.Info(row.name, "value", row.value)
	}
	for _, level := range []slog.Level{slog.LevelError, slog.LevelWarn, slog.LevelInfo, slog.LevelDebug, trace} {
		slog.Log(nil, level, "level")
	}
}

func flood(logger *slog.Logger, threads, records int) {
	var all sync.WaitGroup
	for range threads {
		all.Add(1)
		go func() {
			defer all.Done()
			for n := 0; n < records/threads; n++ {
				logger.Info("flood", "n", n)
			}
		}()
	}
	all.Wait()
}
