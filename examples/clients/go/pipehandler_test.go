//go:build unix

package pipehandler

import (
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/slogtest"
	"time"
)

// What log/slog asks of every handler, but for records without a time: the format requires one.
func TestSlogtest(t *testing.T) {
	var frames io.ReadCloser
	newHandler := func(t *testing.T) slog.Handler {
		if strings.HasSuffix(t.Name(), "/zero-time") {
			t.SkipNow()
		}
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		frames = read
		var stat syscall.Stat_t
		fd, _ := syscall.Dup(int(write.Fd()))
		write.Close()
		syscall.Fstat(fd, &stat)
		t.Setenv("RECORD_PIPE", fmt.Sprintf("v1:%d:%d:%d", fd, stat.Dev, stat.Ino))
		handler := New(slog.NewTextHandler(io.Discard, nil))
		if handler.pipe == nil {
			t.Fatal("no pipe")
		}
		t.Cleanup(func() { syscall.Close(handler.pipe.fd) })
		return handler
	}
	slogtest.Run(t, newHandler, func(t *testing.T) map[string]any {
		defer frames.Close()
		for {
			var length [4]byte
			if _, err := io.ReadFull(frames, length[:]); err != nil {
				t.Fatal(err)
			}
			payload := make([]byte, binary.BigEndian.Uint32(length[:]))
			if _, err := io.ReadFull(frames, payload); err != nil {
				t.Fatal(err)
			}
			if payload[0] != 1 {
				continue
			}
			fields, _ := decode(payload[1:])
			list := fields.([]any)
			result := list[12].(map[string]any)
			result[slog.TimeKey] = time.Unix(0, int64(list[1].(uint64)))
			result[slog.LevelKey] = list[2]
			result[slog.MessageKey] = list[4]
			return result
		}
	})
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
