// Logs the same three lines through the logger that the first argument names.

const lines = (log, fields) => {
  log.info(...fields("ready"));
  log.warn(...fields("disk almost full"));
  log.error(...fields("cannot open"));
};
const text = (message) => [message];
const first = (message) => [{ port: 8080, ratio: 0.5 }, message];
const last = (message) => [message, { port: 8080, ratio: 0.5 }];

const winston = (format) => {
  const { createLogger, format: formats, transports } = require("winston");
  return createLogger({ format: format(formats), transports: [new transports.Console()] });
};

const loggers = {
  pino: () => lines(require("pino")(), first),
  pino_pretty: () => lines(require("pino")(require("pino-pretty")({ sync: true, colorize: true })), text),
  winston_json: () => lines(winston((f) => f.combine(f.timestamp(), f.json())), last),
  winston_simple: () => lines(winston((f) => f.combine(f.colorize(), f.simple())), text),
  bunyan: () => lines(require("bunyan").createLogger({ name: "app" }), first),
  log4js: () => {
    const log4js = require("log4js");
    log4js.configure({ appenders: { out: { type: "stdout" } }, categories: { default: { appenders: ["out"], level: "info" } } });
    lines(log4js.getLogger(), text);
  },
};
loggers[process.argv[2]]();
