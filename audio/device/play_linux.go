package device

// playEnvironment leads ALSA to the sound server, as for capturing.
func playEnvironment() (env map[string]string, release func(), err error) {
	path, remove, err := writeALSAConfig()
	if err != nil {
		return nil, nil, err
	}
	return map[string]string{"ALSA_CONFIG_PATH": path}, remove, nil
}
