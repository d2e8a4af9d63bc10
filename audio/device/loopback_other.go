//go:build !windows

package device

import "errors"

const loopbackAPI = "" // no port is one

func loopbacks([]port) []port { return nil }

func openLoopback(port) (input, error) { return nil, errors.ErrUnsupported }
