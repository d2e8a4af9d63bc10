//go:build race

package resume

// raceFactor is how much more memory a build with the race detector is given for
// the detector's own records.
const raceFactor = 16
