"""Find animals, persons and vehicles with MegaDetector."""
