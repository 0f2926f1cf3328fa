"""Networks by which distilled sets are judged, beside `train.convnet` and `train.resnet`."""
