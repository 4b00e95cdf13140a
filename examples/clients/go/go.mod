module pipehandler

go 1.21
