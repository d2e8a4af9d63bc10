//go:build !race

package resume

const raceFactor = 1
