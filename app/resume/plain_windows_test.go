package resume

func becomePlain() {}
