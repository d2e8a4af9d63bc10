//go:build !linux

package device

import "context"

// feed captures the devices that PortAudio lists.
func (c *Capture) feed(ctx context.Context, h *hub) {
	c.feedPorts(ctx, h, func(context.Context) bool { return false })
}

func list(context.Context) ([]Info, error) { return listPorts() }
