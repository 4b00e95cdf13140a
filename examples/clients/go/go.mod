module pipehandler

go 1.22
