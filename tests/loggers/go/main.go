// Logs the same three lines through the logger that the first argument names.
package main

import (
	"flag"
	"log"
	"log/slog"
	"os"

	"github.com/golang/glog"
	"github.com/rs/zerolog"
	"github.com/sirupsen/logrus"
	"go.uber.org/zap"
	"k8s.io/klog"
)

func slogLines(handler slog.Handler) {
	logger := slog.New(handler)
	logger.Info("ready", "port", 8080, "ratio", 0.5)
	logger.Warn("disk almost full", "port", 8080, "ratio", 0.5)
	logger.Error("cannot open", "port", 8080, "ratio", 0.5)
}

func logrusLines(formatter logrus.Formatter) {
	logrus.SetFormatter(formatter)
	entry := logrus.WithFields(logrus.Fields{"port": 8080, "ratio": 0.5})
	entry.Info("ready")
	entry.Warn("disk almost full")
	entry.Error("cannot open")
}

func zapLines(logger *zap.Logger, err error) {
	if err != nil {
		panic(err)
	}
	logger = logger.WithOptions(zap.AddStacktrace(zap.FatalLevel))
	logger.Info("ready", zap.Int("port", 8080), zap.Float64("ratio", 0.5))
	logger.Warn("disk almost full", zap.Int("port", 8080), zap.Float64("ratio", 0.5))
	logger.Error("cannot open", zap.Int("port", 8080), zap.Float64("ratio", 0.5))
}

func zerologLines(logger zerolog.Logger) {
	logger.Info().Int("port", 8080).Float64("ratio", 0.5).Msg("ready")
	logger.Warn().Int("port", 8080).Float64("ratio", 0.5).Msg("disk almost full")
	logger.Error().Int("port", 8080).Float64("ratio", 0.5).Msg("cannot open")
}

func main() {
	switch os.Args[1] {
	case "go_log":
		log.Print("ready")
		log.Print("disk almost full")
		log.Print("cannot open")
	case "slog_text":
		slogLines(slog.NewTextHandler(os.Stderr, nil))
	case "slog_json":
		slogLines(slog.NewJSONHandler(os.Stderr, nil))
	case "logrus_text":
		logrusLines(&logrus.TextFormatter{})
	case "logrus_colours":
		logrusLines(&logrus.TextFormatter{ForceColors: true})
	case "logrus_json":
		logrusLines(&logrus.JSONFormatter{})
	case "zap_json":
		zapLines(zap.NewProduction())
	case "zap_console":
		zapLines(zap.NewDevelopment())
	case "zerolog_json":
		zerologLines(zerolog.New(os.Stderr).With().Timestamp().Logger())
	case "zerolog_console":
		zerologLines(zerolog.New(zerolog.ConsoleWriter{Out: os.Stderr}).With().Timestamp().Logger())
	case "glog":
		flag.Set("logtostderr", "true")
		flag.CommandLine.Parse(nil)
		glog.Info("ready")
		glog.Warning("disk almost full")
		glog.Error("cannot open")
		glog.Flush()
	case "klog":
		klog.Info("ready")
		klog.Warning("disk almost full")
		klog.Error("cannot open")
		klog.Flush()
	}
}
