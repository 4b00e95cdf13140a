// SPDX-License-Identifier: MIT OR Apache-2.0
// pipehandler.go 0.1.0: copy this file; it needs Go 1.22 or later and nothing else.

//go:build unix

// Package pipehandler sends the records of log/slog into the record pipe of the parent process, in the format of
// record-proto/PROTOCOL.md.
//
//	handler := pipehandler.New(slog.NewTextHandler(os.Stderr, nil)) // the text handler is used if there is no pipe
//	defer handler.Close()
//	slog.SetDefault(slog.New(handler))
//
// When a log call returns, its record is in the pipe; if the pipe is full, the log calls of all goroutines wait until the
// parent reads. Once the parent is gone, log calls do nothing. Go runs nothing at the exit of a program: without Close,
// which os.Exit and log.Fatal skip, the parent reports that more may have been logged. Records have no thread, because
// goroutines move between threads and have no numbers.
package pipehandler

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"runtime/debug"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"
)

const (
	maxName    = 1024
	maxMessage = 256 << 10
	maxPayload = 320 << 10
	errorRoom  = 32 << 10
	maxDepth   = 8
	maxValues  = 8127
	maxSources = 32
)

// Handler is a slog.Handler. Groups are nested maps among the key-values of a record. The target, by which the parent
// filters, is the package that logs.
type Handler struct {
	fallback slog.Handler
	pipe     *pipe // nil if there is none
	target   string
	groups   []group // what With and WithGroup have added; the first has no name
}

type group struct {
	name  string
	attrs []slog.Attr
}

// New takes the pipe of this process. There is one at most: if there is none, or if it has been taken, all records go to
// the fallback. If the parent asks for no level, the level of the fallback applies.
func New(fallback slog.Handler) *Handler {
	h := &Handler{fallback: fallback, groups: make([]group, 1)}
	fd, err := adopt(os.Getenv("RECORD_PIPE"))
	if err != nil {
		return h
	}
	rules, err := parseFilter(os.Getenv("RECORD_PIPE_FILTER"))
	h.pipe = newPipe(fd, rules)
	if err != nil {
		r := slog.NewRecord(time.Now(), slog.LevelWarn, "RECORD_PIPE_FILTER is no filter, so info applies", 0)
		r.Add("err", err)
		h.send(r, h.pipe.name, siteOf(0), nil)
	}
	return h
}

// WithTarget returns a handler that logs with this target.
func (h *Handler) WithTarget(target string) *Handler {
	with := *h
	with.target = target
	return &with
}

// Enabled reports whether the parent takes records of this level, of any target.
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	if h.pipe == nil || h.pipe.rules == nil {
		return h.fallback.Enabled(ctx, level)
	}
	for _, rule := range h.pipe.rules {
		if number(level) <= rule.level {
			return true
		}
	}
	return false
}

// Handle writes the record into the pipe. The error is always nil, unless it is the fallback's.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	if h.pipe == nil {
		return h.fallback.Handle(ctx, r)
	}
	site := siteOf(r.PC)
	target := h.target
	if target == "" {
		target = site.pkg
	}
	if h.pipe.selects(number(r.Level), target) {
		h.send(r, target, site, nil)
	}
	return nil
}

// WithAttrs returns a handler that adds these key-values to each record.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.fallback = h.fallback.WithAttrs(attrs)
	with.groups = append([]group(nil), h.groups...)
	last := &with.groups[len(with.groups)-1]
	last.attrs = append(last.attrs[:len(last.attrs):len(last.attrs)], attrs...)
	return &with
}

// WithGroup returns a handler that puts all later key-values into a map of this name.
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	with := *h
	with.fallback = h.fallback.WithGroup(name)
	with.groups = append(h.groups[:len(h.groups):len(h.groups)], group{name: name})
	return &with
}

// Close reports how many records were sent. If it is deferred and its goroutine panics, it first logs the panic, and it
// panics again. Records may follow, and the next Close counts them.
func (h *Handler) Close() {
	cause := recover()
	if h.pipe != nil {
		if cause != nil {
			err, isError := cause.(error)
			if !isError {
				err = errors.New(fmt.Sprint(cause))
			}
			failure := failureOf(err)
			failure.backtrace = string(debug.Stack())
			r := slog.NewRecord(time.Now(), slog.LevelError, failure.text, 0)
			(&Handler{pipe: h.pipe, groups: make([]group, 1)}).send(r, "panic", siteOf(0), failure)
		}
		h.pipe.close()
	}
	if cause != nil {
		panic(cause)
	}
}

// send encodes a record outside of the lock, because values are code of the program, which may log.
func (h *Handler) send(r slog.Record, target string, site *site, failure *failure) {
	e := encoders.Get().(*encoder)
	e.reset(1, 18)
	e.head(0xcf, 8, 0) // the number, which is taken last
	if r.Time.IsZero() {
		r.Time = time.Now()
	}
	e.uint(uint64(r.Time.UnixNano()))
	e.uint(number(r.Level))
	e.str(target, maxName)
	length := e.text(r.Message, maxMessage)
	e.uint(uint64(os.Getpid()))
	e.str(h.pipe.name, maxName)
	e.nil(2) // thread id and name
	e.b = append(e.b, site.fields...)
	e.end = maxPayload - errorRoom
	e.group(contentOf(h.groups, r), 0)
	e.end = maxPayload
	e.nil(1) // context
	if failure == nil {
		failure = e.failure
	}
	e.error(failure)
	if length > maxMessage {
		e.uint(uint64(length))
	} else {
		e.nil(1)
	}
	e.nil(1) // spans
	e.uint(uint64(h.pipe.instance))
	h.pipe.send(e)
	if cap(e.b) <= 64<<10 {
		encoders.Put(e)
	}
}

func number(level slog.Level) uint64 {
	switch {
	case level >= slog.LevelError:
		return 1
	case level >= slog.LevelWarn:
		return 2
	case level >= slog.LevelInfo:
		return 3
	case level >= slog.LevelDebug:
		return 4
	}
	return 5
}

// site is a place in the source, with the fields module path, file and line.
type site struct {
	pkg    string
	fields []byte
}

var sites sync.Map // of *site by program counter

func siteOf(pc uintptr) *site {
	if known, ok := sites.Load(pc); ok {
		return known.(*site)
	}
	found := &site{pkg: filepath.Base(os.Args[0]), fields: []byte{0xc0, 0xc0, 0xc0}}
	if frame, _ := runtime.CallersFrames([]uintptr{pc}).Next(); pc != 0 && frame.Function != "" {
		base := strings.LastIndexByte(frame.Function, '/') + 1
		name, _, _ := strings.Cut(frame.Function[base:], ".")
		found.pkg = frame.Function[:base] + name
		e := encoder{end: maxPayload}
		e.str(found.pkg, maxName)
		e.str(frame.File, maxName)
		e.uint(uint64(frame.Line))
		found.fields = e.b
	}
	sites.Store(pc, found)
	return found
}

// --- The pipe -------------------------------------------------------------------------------------------------------

type pipe struct {
	fd       int
	name     string
	instance uint32
	stream   uint64 // of fragments; one is enough, because they are written under the lock
	rules    []rule

	lock      sync.Mutex // so that the order in the pipe is that of the numbers
	seq, sent uint64
	gone      bool
}

// adopt returns the pipe that the variable names, if the descriptor is that pipe.
func adopt(variable string) (int, error) {
	parts := strings.Split(variable, ":")
	if len(parts) < 4 || parts[0] != "v1" {
		return 0, syscall.EINVAL
	}
	fd, err1 := strconv.ParseUint(parts[1], 10, 31)
	dev, err2 := strconv.ParseUint(parts[2], 10, 64)
	ino, err3 := strconv.ParseUint(parts[3], 10, 64)
	if err := errors.Join(err1, err2, err3); err != nil {
		return 0, err
	}
	var stat syscall.Stat_t
	if err := syscall.Fstat(int(fd), &stat); err != nil {
		return 0, err
	}
	flags, err := fcntl(int(fd), syscall.F_GETFL, 0)
	isPipe := stat.Mode&syscall.S_IFMT == syscall.S_IFIFO && uint64(stat.Dev) == dev && uint64(stat.Ino) == ino
	if err != nil || !isPipe || flags&syscall.O_ACCMODE == syscall.O_RDONLY {
		return 0, syscall.EBADF
	}
	own, err := claim(int(fd))
	if err == nil {
		closeBuffer(parts[4:])
	}
	return own, err
}

// closeBuffer closes the shared buffer, if there is one: it is not used here, and no program shall inherit it.
func closeBuffer(parts []string) {
	if len(parts) < 4 {
		return
	}
	fd, err1 := strconv.ParseUint(parts[0], 10, 31)
	dev, err2 := strconv.ParseUint(parts[1], 10, 64)
	ino, err3 := strconv.ParseUint(parts[2], 10, 64)
	size, err4 := strconv.ParseInt(parts[3], 10, 64)
	var stat syscall.Stat_t
	if errors.Join(err1, err2, err3, err4) != nil || syscall.Fstat(int(fd), &stat) != nil {
		return
	}
	const getSeals, required = 1034, 7 // F_GET_SEALS, which only memory has
	seals, err := fcntl(int(fd), getSeals, 0)
	if err == nil && seals&required == required && uint64(stat.Dev) == dev && uint64(stat.Ino) == ino && stat.Size == size {
		syscall.Close(int(fd))
	}
}

// claim moves the pipe to a high number that other programs do not inherit.
func claim(fd int) (int, error) {
	lowest := uint64(100)
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		lowest = min(lowest, uint64(limit.Cur)/2)
	}
	own, err := fcntl(fd, syscall.F_DUPFD_CLOEXEC, int(lowest))
	if err != nil {
		return 0, err
	}
	if err := syscall.Close(fd); err != nil { // other code has claimed it
		syscall.Close(own)
		return 0, err
	}
	if fd <= 2 { // at once, because the lowest free number is this one; dup2 has other names in other systems
		syscall.Open(os.DevNull, syscall.O_RDWR, 0)
	}
	return own, nil
}

func fcntl(fd, command, argument int) (int, error) {
	result, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), uintptr(command), uintptr(argument))
	if errno != 0 {
		return 0, errno
	}
	return int(result), nil
}

func newPipe(fd int, rules []rule) *pipe {
	var random [12]byte
	rand.Read(random[:])
	p := &pipe{
		fd:       fd,
		name:     filepath.Base(os.Args[0]),
		instance: binary.BigEndian.Uint32(random[:]),
		stream:   binary.BigEndian.Uint64(random[4:]),
		rules:    rules,
	}
	var hello encoder
	hello.reset(0, 6)
	hello.uint(1)
	hello.uint(uint64(os.Getpid()))
	hello.str(p.name, maxName)
	hello.uint(uint64(time.Now().UnixNano()))
	hello.nil(1)
	hello.uint(uint64(p.instance))
	p.write(&hello)
	return p
}

func (p *pipe) send(e *encoder) {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.seq++
	binary.BigEndian.PutUint64(e.b[9:], p.seq)
	if p.write(e) {
		p.sent++
	}
}

func (p *pipe) close() {
	p.lock.Lock()
	defer p.lock.Unlock()
	var e encoder
	e.reset(4, 5)
	e.uint(uint64(os.Getpid()))
	e.uint(uint64(time.Now().UnixNano()))
	e.uint(p.sent)
	e.uint(0)
	e.uint(uint64(p.instance))
	p.write(&e)
}

// write writes a frame, or the fragments of one above PIPE_BUF, each by one call, which the kernel keeps whole.
func (p *pipe) write(e *encoder) bool {
	most := 4096
	if runtime.GOOS != "linux" {
		most = 512
	}
	if len(e.b) <= most {
		return p.writeFrame(e)
	}
	for rest, index := e.b[4:], uint64(0); len(rest) > 0; index++ {
		piece := rest[:min(len(rest), most-39)]
		rest = rest[len(piece):]
		var f encoder
		f.reset(2, 5)
		f.uint(uint64(os.Getpid()))
		f.uint(p.stream)
		f.uint(index)
		f.bool(len(rest) == 0)
		f.bin(piece)
		if !p.writeFrame(&f) {
			return false
		}
	}
	return true
}

func (p *pipe) writeFrame(e *encoder) bool {
	binary.BigEndian.PutUint32(e.b, uint32(len(e.b)-4))
	for !p.gone {
		_, err := syscall.Write(p.fd, e.b)
		switch err {
		case nil:
			return true
		case syscall.EINTR:
		case syscall.EAGAIN: // another process has made the pipe non-blocking
			time.Sleep(time.Millisecond)
		default: // EPIPE: nobody reads any more. Go raises SIGPIPE for stdout and stderr only.
			p.gone = true
		}
	}
	return false
}

// rule selects the targets with this beginning.
type rule struct {
	start string
	level uint64
}

var levels = map[string]uint64{"off": 0, "error": 1, "warn": 2, "info": 3, "debug": 4, "trace": 5}

// parseFilter reads a filter like "info,worker::db=debug"; the longest beginning comes first. If it is none, info applies.
func parseFilter(text string) (rules []rule, err error) {
	for _, part := range strings.Split(text, ",") {
		start, level, found := strings.Cut(strings.TrimSpace(part), "=")
		if !found {
			start, level = "", start
		}
		number, known := levels[strings.ToLower(level)]
		if !known && strings.TrimSpace(part) != "" {
			return []rule{{"", 3}}, fmt.Errorf("not a level: %q", level)
		}
		if known {
			rules = append([]rule{{start, number}}, rules...) // of two for one target the later one decides
		}
	}
	sort.SliceStable(rules, func(i, j int) bool { return len(rules[i].start) > len(rules[j].start) })
	return rules, nil
}

func (p *pipe) selects(level uint64, target string) bool {
	for _, rule := range p.rules {
		if strings.HasPrefix(target, rule.start) {
			return level <= rule.level
		}
	}
	return p.rules == nil
}

// --- Errors ---------------------------------------------------------------------------------------------------------

type failure struct {
	key, text, backtrace string
	sources              []string
}

// failureOf takes an error apart: Go's texts end with that of the cause. Errors of github.com/pkg/errors have a stack.
func failureOf(err error) *failure {
	f := &failure{text: textOf(err)}
	for rest := causesOf(err); len(rest) > 0 && len(f.sources) < maxSources; rest = append(causesOf(rest[0]), rest[1:]...) {
		f.sources = append(f.sources, textOf(rest[0]))
	}
	if long := fmt.Sprintf("%+v", err); long != f.text {
		f.backtrace = long
	}
	texts := append([]string{f.text}, f.sources...)
	for i := range f.sources {
		texts[i] = strings.TrimSuffix(texts[i], ": "+texts[i+1])
	}
	f.text, f.sources = texts[0], texts[1:]
	return f
}

func causesOf(err error) (causes []error) {
	defer func() { recover() }()
	switch err := err.(type) {
	case interface{ Unwrap() []error }:
		return append(causes, err.Unwrap()...)
	case interface{ Unwrap() error }:
		if cause := err.Unwrap(); cause != nil && cause != err.(error) {
			return []error{cause}
		}
	}
	return nil
}

// textOf is the text of a value whose methods may panic, which fmt catches.
func textOf(value any) string { return fmt.Sprint(value) }

// --- MessagePack ----------------------------------------------------------------------------------------------------

var encoders = sync.Pool{New: func() any { return new(encoder) }}

type encoder struct {
	b       []byte
	end     int  // no value begins after this many bytes
	left    int  // values
	isFull  bool // the key-values have been cut
	failure *failure
}

// reset begins a frame: its length, which is set later, its kind, and the number of its fields.
func (e *encoder) reset(kind byte, fields int) {
	*e = encoder{b: append(e.b[:0], 0, 0, 0, 0, kind), end: maxPayload, left: maxValues}
	e.length(0x90, 15, 0xdc, fields)
}

// head appends a format and a number of this many bytes.
func (e *encoder) head(format byte, bytes int, n uint64) {
	e.b = append(e.b, format)
	for shift := 8 * (bytes - 1); shift >= 0; shift -= 8 {
		e.b = append(e.b, byte(n>>shift))
	}
}

// length appends the short format of a list, a map or a text, or else the one with 16 bits or with 32 bits after it.
func (e *encoder) length(short byte, most int, format byte, n int) {
	switch {
	case n <= most:
		e.b = append(e.b, short|byte(n))
	case n < 1<<16:
		e.head(format, 2, uint64(n))
	default:
		e.head(format+1, 4, uint64(n))
	}
}

func (e *encoder) nil(times int) {
	for ; times > 0; times-- {
		e.b = append(e.b, 0xc0)
	}
}

func (e *encoder) bool(v bool) {
	if v {
		e.b = append(e.b, 0xc3)
	} else {
		e.b = append(e.b, 0xc2)
	}
}

func (e *encoder) uint(n uint64) {
	switch {
	case n < 1<<7:
		e.b = append(e.b, byte(n))
	case n < 1<<32:
		e.head(0xce, 4, n)
	default:
		e.head(0xcf, 8, n)
	}
}

func (e *encoder) int(n int64) {
	if n >= 0 {
		e.uint(uint64(n))
	} else {
		e.head(0xd3, 8, uint64(n))
	}
}

func (e *encoder) float(n float64) { e.head(0xcb, 8, math.Float64bits(n)) }

func (e *encoder) bin(bytes []byte) {
	e.head(0xc6, 4, uint64(len(bytes)))
	e.b = append(e.b, bytes...)
}

// text appends at most this many bytes of a text, cut at a character, and returns its whole length.
func (e *encoder) text(s string, most int) int {
	s = strings.ToValidUTF8(s, "\uFFFD")
	cut := min(len(s), max(most, 0))
	for cut < len(s) && cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	e.length(0xa0, 31, 0xda, cut)
	e.b = append(e.b, s[:cut]...)
	return len(s)
}

// str appends a text, with a mark if it is cut.
func (e *encoder) str(s string, most int) {
	if len(s) > most {
		s = strings.ToValidUTF8(s[:max(most, 0)], "") + fmt.Sprintf("… (cut, %d bytes)", len(s))
	}
	e.text(s, len(s)*3)
}

// content calls its argument for each key-value of a group.
type content func(add func(slog.Attr))

// contentOf is the content of the first of these groups, with the next one in it, and with the record in the last one.
func contentOf(groups []group, r slog.Record) content {
	return func(add func(slog.Attr)) {
		for _, attr := range groups[0].attrs {
			add(attr)
		}
		if len(groups) > 1 {
			add(slog.Any(groups[1].name, contentOf(groups[1:], r)))
			return
		}
		r.Attrs(func(attr slog.Attr) bool {
			add(attr)
			return true
		})
	}
}

// group appends a map of as many key-values as fit, and returns how many those are.
func (e *encoder) group(fill content, depth int) int {
	at, count := len(e.b), 0
	e.head(0xde, 2, 0)
	var add func(slog.Attr)
	add = func(attr slog.Attr) {
		value := attr.Value.Resolve()
		if attr.Key == "" && value.Kind() == slog.KindGroup {
			contentOf([]group{{attrs: value.Group()}}, slog.Record{})(add)
			return
		}
		if e.isFull || attr.Key == "" && value.Equal(slog.Value{}) {
			return
		}
		start := len(e.b)
		added, fits := e.pair(attr.Key, value, depth)
		if !fits {
			e.isFull = true
			e.b = e.b[:start]
			e.str("cut", maxName)
			e.str(fmt.Sprintf("… (cut after %d pairs)", count), maxName)
		}
		count += added
	}
	fill(add)
	binary.BigEndian.PutUint16(e.b[at+1:], uint16(count))
	return count
}

// pair appends a key-value unless it is a group without key-values, and returns how many it is, and whether it fits.
func (e *encoder) pair(key string, value slog.Value, depth int) (count int, fits bool) {
	start := len(e.b)
	if !e.take(1) {
		return 1, false
	}
	e.str(key, e.end-len(e.b))
	var object any
	if value.Kind() == slog.KindAny {
		object = value.Any()
	}
	fill, isGroup := object.(content)
	if value.Kind() == slog.KindGroup {
		fill, isGroup = contentOf([]group{{attrs: value.Group()}}, slog.Record{}), true
	}
	if isGroup && depth < maxDepth {
		if e.group(fill, depth+1) == 0 {
			e.b = e.b[:start]
			return 0, true
		}
		return 1, true
	}
	if err, isError := object.(error); isError && depth == 0 && e.failure == nil && !isNil(err) {
		e.failure = failureOf(err)
		e.failure.key = key
		value = slog.StringValue(e.failure.text)
	}
	return 1, e.value(value, depth+1)
}

// take counts values against the limit, and returns whether there is room for them.
func (e *encoder) take(values int) bool {
	e.left -= values
	return e.left >= 0 && len(e.b) < e.end
}

// value appends a value at this depth, and returns whether it fits; a text that does not is cut.
func (e *encoder) value(value slog.Value, depth int) bool {
	if len(e.b) >= e.end {
		return false
	}
	switch value.Kind() {
	case slog.KindBool:
		e.bool(value.Bool())
	case slog.KindInt64:
		e.int(value.Int64())
	case slog.KindUint64:
		e.uint(value.Uint64())
	case slog.KindFloat64:
		e.float(value.Float64())
	case slog.KindString:
		e.str(value.String(), e.end-len(e.b))
	case slog.KindAny:
		return e.any(value.Any(), depth)
	case slog.KindTime:
		e.str(value.Time().Format(time.RFC3339Nano), maxName)
	default: // a duration, a group that is too deep
		e.str(textOf(value), e.end-len(e.b))
	}
	return true
}

// any appends a value of any type; if its methods panic, a text that says so.
func (e *encoder) any(value any, depth int) (fits bool) {
	start := len(e.b)
	defer func() {
		if cause := recover(); cause != nil {
			e.b, fits = e.b[:start], true
			e.str(fmt.Sprintf("!PANIC: %v", cause), maxName)
		}
	}()
	if start >= e.end {
		return false
	}
	if isNil(value) {
		e.nil(1)
		return true
	}
	switch v := value.(type) {
	case time.Time:
		value = v.Format(time.RFC3339Nano)
	case error, fmt.Stringer:
		value = textOf(v)
	case encoding.TextMarshaler:
		text, err := v.MarshalText()
		value = cmp.Or(string(text), textOf(err))
	case interface{ MarshalJSON() ([]byte, error) }:
		text, err := v.MarshalJSON()
		value = cmp.Or(string(text), textOf(err))
	case slog.LogValuer:
		return e.value(slog.AnyValue(v).Resolve(), depth)
	}
	return e.reflect(reflect.ValueOf(value), depth)
}

func isNil(value any) bool {
	v := reflect.ValueOf(value)
	return !v.IsValid() || (v.Kind() == reflect.Pointer || v.Kind() == reflect.Map || v.Kind() == reflect.Interface) && v.IsNil()
}

// reflect appends a value by its kind.
func (e *encoder) reflect(v reflect.Value, depth int) bool {
	switch v.Kind() {
	case reflect.Bool:
		e.bool(v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		e.int(v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		e.uint(v.Uint())
	case reflect.Float32, reflect.Float64:
		e.float(v.Float())
	case reflect.String:
		e.str(v.String(), e.end-len(e.b))
	case reflect.Slice, reflect.Array, reflect.Map, reflect.Struct, reflect.Pointer:
		if depth > maxDepth {
			e.str(v.Type().String(), maxName) // fmt and encoding/json would print a cycle, or all paths of a graph
			break
		}
		return e.composite(v, depth)
	case reflect.Complex64, reflect.Complex128:
		e.str(textOf(v.Interface()), maxName)
	default: // channels, functions
		e.str(v.Type().String(), maxName)
	}
	return true
}

func (e *encoder) composite(v reflect.Value, depth int) bool {
	switch v.Kind() {
	case reflect.Pointer:
		return e.any(v.Elem().Interface(), depth+1)
	case reflect.Struct:
		return e.object(v, depth)
	}
	isBytes := v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8
	switch n := v.Len(); {
	case isBytes && n < e.end-len(e.b):
		e.bin(v.Bytes())
		return true
	case isBytes:
		e.str(fmt.Sprintf("… (cut, %d bytes)", n), maxName)
	case n > e.left:
		e.str(fmt.Sprintf("… (cut, %d values)", n), maxName)
	case v.Kind() == reflect.Map:
		return e.take(n) && e.mapping(v, depth)
	default:
		e.length(0x90, 15, 0xdc, n)
		fits := e.take(n)
		for i := 0; i < n && fits; i++ {
			fits = e.any(v.Index(i).Interface(), depth+1)
		}
		return fits
	}
	return true
}

// mapping appends a map, sorted by the texts of its keys.
func (e *encoder) mapping(v reflect.Value, depth int) bool {
	keys := v.MapKeys()
	sort.Slice(keys, func(i, j int) bool { return textOf(keys[i]) < textOf(keys[j]) })
	e.length(0x80, 15, 0xde, len(keys))
	for _, key := range keys {
		e.str(textOf(key), e.end-len(e.b))
		if !e.any(v.MapIndex(key).Interface(), depth+1) {
			return false
		}
	}
	return true
}

// object appends the exported fields of a structure, under the names that they have in JSON.
func (e *encoder) object(v reflect.Value, depth int) bool {
	at, count := len(e.b), 0
	e.head(0xde, 2, 0)
	for i := 0; i < v.NumField(); i++ {
		field := v.Type().Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !field.IsExported() || name == "-" || strings.Contains(options, "omitempty") && v.Field(i).IsZero() {
			continue
		}
		if name == "" {
			name = field.Name
		}
		e.str(name, maxName)
		if !e.take(1) || !e.any(v.Field(i).Interface(), depth+1) {
			return false
		}
		count++
	}
	binary.BigEndian.PutUint16(e.b[at+1:], uint16(count))
	return true
}

// error appends an error value, or nil.
func (e *encoder) error(f *failure) {
	if f == nil {
		e.nil(1)
		return
	}
	e.length(0x90, 15, 0xdc, 4)
	e.str(f.text, errorRoom/4)
	e.length(0x90, 15, 0xdc, len(f.sources))
	for _, source := range f.sources {
		e.str(source, errorRoom/4/len(f.sources))
	}
	for _, text := range []string{f.backtrace, f.key} {
		if text == "" {
			e.nil(1)
		} else {
			e.str(text, errorRoom/4)
		}
	}
}
