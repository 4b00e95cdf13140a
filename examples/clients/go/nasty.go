// The records of ../nasty.md for Go.

//go:build ignore

package main

import (
	"errors"
	"log/slog"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
)

type number int

type object struct {
	A int `json:"a"`
}

type raises struct{}

func (raises) String() string               { panic("raised") }
func (raises) MarshalText() ([]byte, error) { panic("raised") }
func (raises) Error() string                { panic("raised") }

type textRaises struct{}

func (textRaises) MarshalText() ([]byte, error) { panic("raised") }

type logs struct{}

func (logs) String() string {
	slog.Info("inner")
	return "logged"
}

type long struct{}

func (long) String() string { return strings.Repeat("x", 10<<20) }

type pointer struct{ name string }

func (p *pointer) String() string { return p.name }

type ownCause struct{}

func (e ownCause) Error() string { return "cause" }
func (e ownCause) Unwrap() error { return e }

type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

type manyCauses struct{ causes []error }

func (e manyCauses) Error() string   { return "many" }
func (e manyCauses) Unwrap() []error { return append(e.causes, e, e) }

func nasty() {
	x := strings.Repeat("x", 1<<20)
	power := new(big.Int).Lsh(big.NewInt(1), 64)
	below := new(big.Int).Sub(big.NewInt(math.MinInt64), big.NewInt(1))
	nest := func(depth int) any {
		var value any = 1
		for range depth {
			value = []any{value}
		}
		return value
	}
	cycle := []any{nil}
	cycle[0] = cycle
	var graph any = 1
	for range 12 {
		list := make([]any, 100)
		for i := range list {
			list[i] = graph
		}
		graph = list
	}
	mapCycle := map[string]any{}
	mapCycle["self"] = mapCycle
	for _, row := range []struct {
		name  string
		value any
	}{
		{"i64-min", math.MinInt64},
		{"u64-max", uint64(math.MaxUint64)},
		{"beyond-u64", power},
		{"below-i64", below},
		{"nan", math.NaN()},
		{"infinity", math.Inf(1)},
		{"minus-infinity", math.Inf(-1)},
		{"minus-zero", math.Copysign(0, -1)},
		{"least-float", math.SmallestNonzeroFloat64},
		{"greatest-float", math.MaxFloat64},
		{"decimal", big.NewFloat(1.1)},
		{"complex", complex(1, 2)},
		{"int-subclass", number(7)},
		{"surrogate", "a\xffb"},
		{"nul", "a\x00b"},
		{"empty-text", ""},
		{"huge-text", x},
		{"huge-wide-text", strings.Repeat("🦀", 100_000)},
		{"bytes", []byte{0, 255}},
		{"huge-bytes", make([]byte, 1<<20)},
		{"integer-keys", map[int]string{1: "a"}},
		{"odd-keys", map[any]int{nil: 1, 1.5: 2, [1]int{1}: 3}},
		{"depth-8", nest(8)},
		{"depth-9", nest(9)},
		{"cycle", cycle},
		{"map-cycle", mapCycle},
		{"huge-list", make([]int, 100_000)},
		{"tuple", [2]int{1, 2}},
		{"object", object{1}},
		{"date", time.Date(2024, 2, 29, 12, 30, 0, 0, time.UTC)},
		{"undefined", nil},
		{"function", nasty},
		{"channel", make(chan int)},
		{"nil-pointer", (*pointer)(nil)},
		{"error-value", errors.New("no")},
		{"wide-graph", graph},
		{"nil-error", error((*nilError)(nil))},
		{"raises", raises{}},
		{"raises-in-list", []any{raises{}, textRaises{}}},
		{"logs", logs{}},
		{"huge-text-of", long{}},
	} {
		slog.Info(row.name, "value", row.value)
	}
	slog.Info("huge-message " + x)
	slog.Info("surrogate-message a\xffb")
	slog.Info("bad-format", 7, "odd", "value")
	slog.Info("empty-key", "", 1)
	slog.Info("nul-key", "a\x00b", 1)
	slog.Info("surrogate-key", "a\xffb", 1)
	slog.Info("duplicate-key", "value", 1, "value", 2)
	slog.Info("long-key", x[:100<<10], 1)
	slog.Info("huge-key", x, 1)
	var many []any
	for n := range 10_000 {
		many = append(many, "key "+strconv.Itoa(n), n)
	}
	slog.Info("many-keys", many...)
	slog.Error("error-raises", "err", error(raises{}))
	slog.Error("cause-cycle", "err", error(ownCause{}))
	slog.Error("causes-without-end", "err", error(manyCauses{[]error{errors.New("first")}}))
	slog.Info("huge-together", "value", x[:200<<10], "b", x[:200<<10], "c", x[:200<<10])
	slog.Info("end")
}
