//go:build !linux

package main

// dialDisplay always succeeds: there is a display wherever a person is signed in.
func dialDisplay() error { return nil }
