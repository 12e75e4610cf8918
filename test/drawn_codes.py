"""Codes drawn by zxing-cpp's own writer, seen at an angle."""

import cv2
import numpy as np
import zxingcpp

TEXTS = {
    "EAN13": "4006381333931",
    "EAN8": "96385074",
    "UPCA": "012345678905",
    "Code128": "ABC-123",
    "DataMatrix": "DM 77",
    "QRCode": "QR-1",
}


def drawn(format_name, text, scale=3, **options):
    """(h, w) uint8 picture of a code with its quiet zone."""
    code = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, format_name), **options)
    return np.array(zxingcpp.write_barcode_to_image(code, scale=scale))


def placed(picture, corners, size=(480, 640), ground=120, noise=4.0, seed=0):
    """(H, W, 3) uint8 image that shows ``picture`` between four corners (x, y), clockwise.

    ground  grey level around it, or the (H, W) uint8 image that it lies on
    """
    height, width = picture.shape
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    turn = cv2.getPerspectiveTransform(source, np.array(corners, np.float32))
    image = np.full(size, ground, np.uint8)
    smooth = {"flags": cv2.INTER_AREA, "borderMode": cv2.BORDER_TRANSPARENT}
    cv2.warpPerspective(picture, turn, size[::-1], dst=image, **smooth)
    noisy = image[..., None] + np.random.default_rng(seed).normal(0, noise, (*size, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)
