"""The one batch that every step works on."""
import torch
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy


class TrainingBatch:
    def __init__(self, file: str, channels_last: bool, slice_size: int):
        tensors = load_file(file)
        images, labels = tensors["images"], tensors["labels"]
        if channels_last:
            images = images.to(memory_format=torch.channels_last)
        size = slice_size or len(labels)
        self.slices = list(zip(images.split(size), labels.split(size)))
        self.count = len(labels)

    @property
    def whole(self):
        (images, labels), = self.slices
        return images, labels

    def backward(self, model) -> float:
        """The loop that everybody writes; in slices: gradient accumulation. Returns the batch's mean loss."""
        if len(self.slices) == 1:
            images, labels = self.whole
            loss = cross_entropy(model(images), labels)
            loss.backward()
            return loss.item()
        total = 0.0
        for images, labels in self.slices:
            share = len(labels) / self.count
            loss = cross_entropy(model(images), labels)
            (loss * share).backward()
            total += loss.item() * share
        return total
