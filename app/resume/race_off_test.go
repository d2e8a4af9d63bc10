//go:build !race

package resume

// raceEnabled excuses memory: the race detector multiplies it.
const raceEnabled = false
