"""What is computed of a network: strongest patches, saliency by several methods, neighbours and maps of features."""
