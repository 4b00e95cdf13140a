//go:build unix

package pipehandler

import (
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/slogtest"
	"time"
)

// What log/slog asks of every handler, but for records without a time: the format requires one.
func TestSlogtest(t *testing.T) {
	var next func() []any
	newHandler := func(t *testing.T) slog.Handler {
		if strings.HasSuffix(t.Name(), "/zero-time") {
			t.SkipNow()
		}
		handler, records := open(t)
		next = records
		return handler
	}
	slogtest.Run(t, newHandler, func(t *testing.T) map[string]any {
		record := next()
		result := record[12].(map[string]any)
		result[slog.TimeKey] = time.Unix(0, int64(record[1].(uint64)))
		result[slog.LevelKey] = record[2]
		result[slog.MessageKey] = record[4]
		return result
	})
}

func TestPlaceOfTheCall(t *testing.T) {
	handler, next := open(t)
	slog.New(handler).Info("here")
	record := next()
	file, line := record[10].(string), record[11].(uint64)
	if record[3] != "pipehandler" || record[9] != "pipehandler" || filepath.Base(file) != "pipehandler_test.go" || line == 0 {
		t.Fatal(record)
	}
}

// Loggers that are made from one logger have nothing of each other.
func TestLoggersShareNoMemory(t *testing.T) {
	handler, next := open(t)
	base := slog.New(handler)
	for n := range 5 { // so that the list has room for one more
		base = base.With(fmt.Sprint(n), n)
	}
	group := base.WithGroup("a").WithGroup("b")
	loggers := []*slog.Logger{base.With("x", 1), base.With("y", 2), group.WithGroup("x"), group.WithGroup("y"), base}
	expected := []string{"x:1", "y:2", "a:map[b:map[x:map[n:7]]]", "a:map[b:map[y:map[n:7]]]", ""}
	for i, logger := range loggers {
		logger.Info("one", "n", 7)
		pairs := next()[12].(map[string]any)
		for n := range 5 {
			delete(pairs, fmt.Sprint(n))
		}
		if i != 2 && i != 3 {
			delete(pairs, "n")
		}
		if got := fmt.Sprint(pairs); got != "map["+expected[i]+"]" {
			t.Errorf("%d: %s", i, got)
		}
	}
}

// The fragments of a record follow each other, and records arrive in the order of their numbers.
func TestGoroutines(t *testing.T) {
	const goroutines, records = 4, 100
	handler, next := open(t)
	logger := slog.New(handler)
	for range goroutines {
		go func() {
			for range records {
				logger.Info(strings.Repeat("x", 10_000))
			}
		}()
	}
	for seq := uint64(1); seq <= goroutines*records; seq++ {
		if record := next(); record[0] != seq || len(record[4].(string)) != 10_000 {
			t.Fatal(seq, record)
		}
	}
}

// open returns a handler with a pipe, and a function that reads the fields of the next record from it.
func open(t *testing.T) (*Handler, func() []any) {
	frames, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var stat syscall.Stat_t
	fd, _ := syscall.Dup(int(write.Fd()))
	write.Close()
	syscall.Fstat(fd, &stat)
	t.Setenv("RECORD_PIPE", fmt.Sprintf("v1:%d:%d:%d", fd, stat.Dev, stat.Ino))
	handler := New(slog.NewTextHandler(io.Discard, nil))
	if handler.pipe == nil {
		t.Fatal("no pipe")
	}
	t.Cleanup(func() {
		frames.Close()
		syscall.Close(handler.pipe.fd)
	})
	return handler, func() []any { return readRecord(t, frames) }
}

func readRecord(t *testing.T, frames io.Reader) []any {
	var joined []byte
	for index := uint64(0); ; {
		var length [4]byte
		if _, err := io.ReadFull(frames, length[:]); err != nil {
			t.Fatal(err)
		}
		payload := make([]byte, binary.BigEndian.Uint32(length[:]))
		if _, err := io.ReadFull(frames, payload); err != nil {
			t.Fatal(err)
		}
		fields, _ := decode(payload[1:])
		switch fields := fields.([]any); payload[0] {
		case 1:
			return fields
		case 2:
			if fields[2] != index {
				t.Fatal("fragment", fields[2], "in the place of", index)
			}
			index++
			joined = append(joined, fields[4].([]byte)...)
			if fields[3] == true {
				record, _ := decode(joined[1:])
				return record.([]any)
			}
		}
	}
}

// decode reads what the encoder writes, and returns the rest.
func decode(b []byte) (any, []byte) {
	format, b := b[0], b[1:]
	number := func(bytes int) uint64 {
		n := uint64(0)
		for _, digit := range b[:bytes] {
			n = n<<8 | uint64(digit)
		}
		b = b[bytes:]
		return n
	}
	switch {
	case format < 0x80:
		return uint64(format), b
	case format < 0x90:
		return mapping(int(format&15), b)
	case format < 0xa0:
		return list(int(format&15), b)
	case format < 0xc0:
		return string(b[:format&31]), b[format&31:]
	}
	switch format {
	case 0xc0:
		return nil, b
	case 0xc2, 0xc3:
		return format == 0xc3, b
	case 0xc6:
		n := number(4)
		return b[:n], b[n:]
	case 0xcb:
		return math.Float64frombits(number(8)), b
	case 0xce:
		return number(4), b
	case 0xcf:
		return number(8), b
	case 0xd3:
		return int64(number(8)), b
	case 0xda:
		n := number(2)
		return string(b[:n]), b[n:]
	case 0xdc:
		return list(int(number(2)), b)
	case 0xde:
		return mapping(int(number(2)), b)
	}
	panic(fmt.Sprintf("format %x", format))
}

func list(n int, b []byte) (any, []byte) {
	items := make([]any, n)
	for i := range items {
		items[i], b = decode(b)
	}
	return items, b
}

func mapping(n int, b []byte) (any, []byte) {
	pairs := map[string]any{}
	for range n {
		var key, value any
		key, b = decode(b)
		value, b = decode(b)
		pairs[key.(string)] = value
	}
	return pairs, b
}
