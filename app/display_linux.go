package main

import (
	"errors"
	"io"
	"log"

	"github.com/jezek/xgb"
)

// dialDisplay says why the display in DISPLAY cannot be used, or nil.
func dialDisplay() error {
	xgb.Logger = log.New(io.Discard, "", 0)
	conn, err := xgb.NewConn()
	if err != nil {
		return errors.New("the display cannot be reached")
	}
	conn.Close()
	return nil
}
