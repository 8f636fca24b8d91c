"""What people do to a blocked picture so that it is not known again: each attack takes a picture, and gives a file."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

Picture = Image.Image
Change = Callable[[Picture, random.Random], Picture | bytes]


@dataclass(frozen=True)
class Attack:
    """A disguise: `group` is its row in the table of what is promised."""

    name: str
    group: str
    change: Change
    shape: str = "as it is"  # in which the picture was blocked

    def __call__(self, image: Picture, seed: int) -> bytes:
        """The file that is uploaded, made from an RGB picture; the same for the same seed."""
        made = self.change(image, random.Random(f"{self.name} {seed}"))
        return made if isinstance(made, bytes) else saved(made)


def saved(image: Picture, kind: str = "JPEG", **options: object) -> bytes:
    file = BytesIO()
    if kind == "JPEG":
        options = {"quality": 85, **options}
    image.save(file, kind, **options)
    return file.getvalue()


def blocked(image: Picture, shape: str) -> bytes:
    """The file that was blocked: the picture as it is, or cut out along an ellipse, on nothing."""
    return saved(image, "PNG") if shape == "as it is" else saved(_cut_out(image, (0, 0, 0)), "PNG")


def _cut_out(image: Picture, under: tuple[int, int, int]) -> Picture:
    """The picture cut out along an ellipse; what lies under nothing is never displayed."""
    mask = Image.new("L", image.size)
    ImageDraw.Draw(mask).ellipse((4, 4, image.width - 4, image.height - 4), 255)
    made = Image.composite(image, Image.new("RGB", image.size, under), mask)
    made.putalpha(mask)
    return made


GROUPS = {
    "re-saved, resized, turned by EXIF": 0.995,
    "light, colour, blur, noise, filters": 0.98,
    "mirrored, turned by quarters": 0.99,
    "borders, letterboxes, screenshot margins": 0.97,
    "square centre crop, crop of 5 %": 0.97,
    "sticker, caption bar, text over, watermark": 0.90,
    "crop of 10 %, turned by 2 degrees": 0.90,
    "caption outside, app screenshot, collage, blurred letterbox": 0.80,
    "crop of 20 %, turned by 5 degrees, circle, combinations": 0.75,
    "no view was made for these": 0.0,
}
"""The rows of the table: what share of each attack in it is to be found, refused or held."""

RESAVED, LIGHT, MIRRORED, BORDERS, CROP5, COVERED, CROP10, INSIDE, HARD, UNFORESEEN = GROUPS


# --- saved again -------------------------------------------------------------


def _resized(x: float, y: float) -> Change:
    return lambda image, _: image.resize((max(8, round(image.width * x)), max(8, round(image.height * y))))


def _sixteen_bits(image: Picture, _: random.Random) -> bytes:
    levels = np.asarray(image.convert("L")).astype(np.uint16) * 257
    return saved(Image.fromarray(levels), "PNG")


def _by_exif(image: Picture, dice: random.Random) -> bytes:
    """Stored turned, with the orientation that turns it back when it is shown."""
    orientation = dice.randrange(2, 9)
    # ImageOps.exif_transpose undoes the orientation; its inverse is applied to the pixels here.
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(image.transpose(Image.Transpose(undo)), exif=exif)


# --- light and colour ---------------------------------------------------------


def _enhanced(kind: type, factor: float) -> Change:
    return lambda image, _: kind(image).enhance(factor)


def _gamma(power: float) -> Change:
    return lambda image, _: image.point([round(255 * (level / 255) ** power) for level in range(256)] * 3)


def _noisy(sigma: float) -> Change:
    def change(image: Picture, dice: random.Random) -> Picture:
        noise = np.random.default_rng(dice.randrange(1 << 30)).normal(0, sigma, (image.height, image.width, 3))
        return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))

    return change


def _tinted(red: float, green: float, blue: float) -> Change:
    def change(image: Picture, _: random.Random) -> Picture:
        levels = np.asarray(image).astype(np.float32) * (red, green, blue)
        return Image.fromarray(levels.clip(0, 255).astype(np.uint8))

    return change


def _sepia(image: Picture, _: random.Random) -> Picture:
    return ImageOps.colorize(image.convert("L"), (30, 15, 0), (255, 240, 205))


def _faded(image: Picture, _: random.Random) -> Picture:
    return image.point([round(40 + level * 0.75) for level in range(256)] * 3)


def _vignette(image: Picture, _: random.Random) -> Picture:
    x, y = (np.linspace(-1, 1, side) for side in image.size)
    dark = 1 - 0.6 * np.clip((x[None, :] ** 2 + y[:, None] ** 2) / 2, 0, 1)
    return Image.fromarray((np.asarray(image) * dark[..., None]).astype(np.uint8))


# --- crops and turns ----------------------------------------------------------


def _cropped(left: float = 0, top: float = 0, right: float = 0, bottom: float = 0) -> Change:
    """So much of each side cut off."""
    return lambda image, _: image.crop(
        (
            round(image.width * left),
            round(image.height * top),
            round(image.width * (1 - right)),
            round(image.height * (1 - bottom)),
        )
    )


def _one_side(share: float) -> Change:
    def change(image: Picture, dice: random.Random) -> Picture:
        return _cropped(**{dice.choice(("left", "top", "right", "bottom")): share})(image, dice)

    return change


def _corner(share: float) -> Change:
    """That share of two neighbouring sides."""

    def change(image: Picture, dice: random.Random) -> Picture:
        sides = {dice.choice(("left", "right")): share, dice.choice(("top", "bottom")): share}
        return _cropped(**sides)(image, dice)

    return change


def _centre(share: float) -> Change:
    """That share of width and height, half of it at each side."""
    return _cropped(share / 2, share / 2, share / 2, share / 2)


def _window(share: float) -> Change:
    """A window of one minus that share of width and height, at a random place."""

    def change(image: Picture, dice: random.Random) -> Picture:
        left, top = dice.random() * share, dice.random() * share
        return _cropped(left, top, share - left, share - top)(image, dice)

    return change


def _square(image: Picture, _: random.Random) -> Picture:
    side = min(image.size)
    return ImageOps.fit(image, (side, side))


def _turned(degrees: float) -> Change:
    """Turned, either way, in a frame of the same size whose corners are filled."""

    def change(image: Picture, dice: random.Random) -> Picture:
        fill = dice.choice(((0, 0, 0), (255, 255, 255)))
        return image.rotate(dice.choice((-degrees, degrees)), Image.Resampling.BICUBIC, fillcolor=fill)

    return change


def _turned_inside(degrees: float) -> Change:
    """Turned, either way, and cropped to what has no empty corners, as photo editors do."""

    def change(image: Picture, dice: random.Random) -> Picture:
        turned = image.rotate(dice.choice((-degrees, degrees)), Image.Resampling.BICUBIC)
        angle = np.deg2rad(degrees)
        sine, cosine = np.sin(angle), np.cos(angle)
        width, height = image.size
        scale = min(width / (width * cosine + height * sine), height / (width * sine + height * cosine))
        cut = (1 - scale) / 2
        return _cropped(cut, cut, cut, cut)(turned, dice)

    return change


# --- things over it -----------------------------------------------------------


def font(size: float) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(max(8, size))


WORDS = ("hot", "call me", "new here", "find me on", "only tonight", "look at this", "free", "hello you", "private")


def _small_text(image: Picture, dice: random.Random) -> Picture:
    made = image.copy()
    size = image.height * 0.05
    place = (image.width * dice.uniform(0.05, 0.5), image.height * dice.uniform(0.05, 0.9))
    pen = ImageDraw.Draw(made)
    pen.text(place, f"@{dice.choice(WORDS)}", fill="white", font=font(size), stroke_width=1, stroke_fill="black")
    return made


def _sticker(image: Picture, dice: random.Random) -> Picture:
    """A round face over a tenth of the area, at a random place."""
    made = image.copy()
    across = (0.10 * image.width * image.height * 4 / np.pi) ** 0.5
    left, top = dice.random() * max(0, image.width - across), dice.random() * max(0, image.height - across)
    pen = ImageDraw.Draw(made)
    pen.ellipse((left, top, left + across, top + across), fill=(255, 204, 51), outline=(120, 80, 0), width=2)
    for x in (0.32, 0.68):
        centre = (left + across * x, top + across * 0.38)
        pen.ellipse(
            (
                centre[0] - across * 0.06,
                centre[1] - across * 0.09,
                centre[0] + across * 0.06,
                centre[1] + across * 0.09,
            ),
            fill=(60, 40, 0),
        )
    mouth = (left + across * 0.25, top + across * 0.35, left + across * 0.75, top + across * 0.8)
    pen.arc(mouth, 20, 160, fill=(60, 40, 0), width=max(2, round(across * 0.05)))
    return made


def _logo(image: Picture, dice: random.Random) -> Picture:
    """A box with a name over a tenth of the area, in a corner."""
    made = image.copy()
    width, height = image.width * 0.45, image.height * 0.22
    left = dice.choice((image.width * 0.02, image.width * 0.98 - width))
    top = dice.choice((image.height * 0.02, image.height * 0.98 - height))
    pen = ImageDraw.Draw(made)
    colour = tuple(dice.randrange(256) for _ in range(3))
    pen.rounded_rectangle((left, top, left + width, top + height), height / 5, fill=colour)
    pen.text((left + width / 10, top + height / 4), dice.choice(WORDS), fill="white", font=font(height / 2.2))
    return made


def _caption_bar(image: Picture, dice: random.Random) -> Picture:
    """A bar over the lowest or the uppermost 15 %."""
    made = image.copy()
    height = image.height * 0.15
    top = dice.choice((0, image.height - height))
    light = dice.random() < 0.5
    pen = ImageDraw.Draw(made)
    pen.rectangle((0, top, image.width, top + height), fill="white" if light else "black")
    text = f"{dice.choice(WORDS)} {dice.choice(WORDS)}"
    pen.text((image.width * 0.06, top + height / 4), text, fill="black" if light else "white", font=font(height / 2))
    return made


def _meme(image: Picture, dice: random.Random) -> Picture:
    made = image.copy()
    pen = ImageDraw.Draw(made)
    size = image.height * 0.12
    for y in (0.03, 0.83):
        text = f"{dice.choice(WORDS)} {dice.choice(WORDS)}".upper()
        place = (image.width / 2, image.height * y)
        style = {"font": font(size), "anchor": "ma", "stroke_width": max(1, round(size / 12)), "stroke_fill": "black"}
        pen.text(place, text, fill="white", **style)
    return made


def _watermark(image: Picture, dice: random.Random) -> Picture:
    """Translucent words across the whole picture."""
    layer = Image.new("L", (image.width * 2, image.height * 2))
    pen = ImageDraw.Draw(layer)
    size = image.height * 0.09
    for row in range(8):
        for column in range(5):
            place = (column * layer.width / 5 + row % 2 * 30, row * layer.height / 8)
            pen.text(place, dice.choice(WORDS), fill=110, font=font(size))
    layer = layer.rotate(30, Image.Resampling.BILINEAR)
    left, top = image.width // 2, image.height // 2
    mask = layer.crop((left, top, left + image.width, top + image.height))
    return Image.composite(Image.new("RGB", image.size, "white"), image, mask)


def _circle(image: Picture, _: random.Random) -> Picture:
    """What lies outside the inscribed ellipse is white."""
    mask = Image.new("L", image.size)
    ImageDraw.Draw(mask).ellipse((0, 0, image.width - 1, image.height - 1), fill=255)
    return Image.composite(image, Image.new("RGB", image.size, "white"), mask)


# --- things around it ---------------------------------------------------------


def _colour(dice: random.Random) -> tuple[int, ...]:
    return dice.choice(((0, 0, 0), (255, 255, 255), tuple(dice.randrange(256) for _ in range(3))))


def _framed(x: float, y: float, two: bool = False) -> Change:
    """A border that takes up such a share of the new width and height, half of it on each side."""

    def change(image: Picture, dice: random.Random) -> Picture:
        width, height = round(image.width / (1 - x)), round(image.height / (1 - y))
        made = Image.new("RGB", (width, height), _colour(dice))
        left, top = (width - image.width) // 2, (height - image.height) // 2
        if two:
            made.paste(_colour(dice), (left // 2, top // 2, width - left // 2, height - top // 2))
        made.paste(image, (left, top))
        return made

    return change


def _two_bars(image: Picture, dice: random.Random) -> Picture:
    """A letterbox whose upper bar has another colour than the lower."""
    bar = round(image.height * 0.15)
    made = Image.new("RGB", (image.width, image.height + 2 * bar), _colour(dice))
    made.paste(_colour(dice), (0, 0, image.width, bar))
    made.paste(image, (0, bar))
    return made


def _screenshot_margins(image: Picture, dice: random.Random) -> Picture:
    """Uneven plain margins as a picture viewer leaves them, with the clock in the upper one."""
    dark = dice.random() < 0.5
    top, bottom = round(image.height * dice.uniform(0.08, 0.2)), round(image.height * dice.uniform(0.03, 0.2))
    made = Image.new("RGB", (image.width, image.height + top + bottom), "black" if dark else "white")
    pen = ImageDraw.Draw(made)
    clock = f"{dice.randrange(24)}:{dice.randrange(60):02}"
    pen.text((image.width * 0.04, top * 0.15), clock, fill="white" if dark else "black", font=font(image.width * 0.035))
    made.paste(image, (0, top))
    return made


def _caption_outside(image: Picture, dice: random.Random) -> Picture:
    strip = round(image.height * dice.uniform(0.15, 0.25))
    light = dice.random() < 0.6
    made = Image.new("RGB", (image.width, image.height + strip), "white" if light else "black")
    above = dice.random() < 0.6
    made.paste(image, (0, strip if above else 0))
    pen = ImageDraw.Draw(made)
    top = 0 if above else image.height
    for line in range(2):
        text = " ".join(dice.choice(WORDS) for _ in range(3))
        place = (image.width * 0.04, top + strip * (0.12 + 0.42 * line))
        pen.text(place, text, fill="black" if light else "white", font=font(strip * 0.3))
    return made


def _app_screen(image: Picture, dice: random.Random) -> Picture:
    """A phone's screen: bars, a name, the picture over the whole width or with margins, buttons and a text below."""
    width, height = 540, 1080
    dark = dice.random() < 0.5
    paper, ink, soft = ((18, 18, 20), "white", (70, 70, 75)) if dark else ((250, 250, 250), "black", (190, 190, 195))
    made = Image.new("RGB", (width, height), paper)
    pen = ImageDraw.Draw(made)
    pen.text((24, 10), f"{dice.randrange(24)}:{dice.randrange(60):02}", fill=ink, font=font(18))
    pen.rectangle((0, 44, width, 100), fill=soft)
    pen.text((width / 2, 58), dice.choice(("Photos", "Profile", "Chats")), fill=ink, font=font(26), anchor="ma")
    margin = dice.choice((0, 0, 24))
    inner = width - 2 * margin
    inside = image.resize((inner, min(760, round(inner * image.height / image.width))))
    top = dice.randrange(110, max(111, min(220, 900 - inside.height)))
    made.paste(inside, (margin, top))
    under = top + inside.height + 24
    for button in range(4):
        pen.ellipse((30 + button * 70, under, 66 + button * 70, under + 36), outline=ink, width=3)
    for line in range(3):
        pen.text((30, under + 56 + 34 * line), " ".join(dice.choice(WORDS) for _ in range(4)), fill=ink, font=font(22))
    pen.rectangle((0, height - 70, width, height), fill=soft)
    return made


def _collage(image: Picture, dice: random.Random) -> Picture:
    """The picture beside another one, of which it knows nothing: its own colours in another order."""
    other = ImageChops.invert(image.transpose(Image.Transpose.ROTATE_180)).filter(ImageFilter.GaussianBlur(3))
    other = ImageOps.fit(other, image.size)
    pair = [image, other]
    dice.shuffle(pair)
    gap = dice.choice((0, 0, 6))
    made = Image.new("RGB", (image.width * 2 + gap, image.height), "white")
    made.paste(pair[0], (0, 0))
    made.paste(pair[1], (image.width + gap, 0))
    return made


def _blurred_letterbox(image: Picture, dice: random.Random) -> Picture:
    """The picture between blurred, enlarged parts of itself, in a square or in an upright frame."""
    upright = dice.choice((1.0, 1.25, 16 / 9))
    if image.width >= image.height:
        size = (image.width, max(round(image.height * 1.2), round(image.width * upright)))
    else:
        size = (max(round(image.width * 1.2), image.height), image.height)
    made = ImageOps.fit(image, size).filter(ImageFilter.GaussianBlur(max(size) / 30))
    made.paste(image, ((size[0] - image.width) // 2, (size[1] - image.height) // 2))
    return made


def _all(*changes: Change) -> Change:
    def change(image: Picture, dice: random.Random) -> Picture | bytes:
        made: Picture | bytes = image
        for one in changes:
            if isinstance(made, bytes):
                raise TypeError("Only the last of several changes may save.")
            made = one(made, dice)
        return made

    return change


def _saved_as(kind: str, **options: object) -> Change:
    return lambda image, _: saved(image, kind, **options)


def _attacks(group: str, **changes: Change) -> list[Attack]:
    return [Attack(name.replace("_", " ").strip(), group, change) for name, change in changes.items()]


ATTACKS = [
    *_attacks(
        RESAVED,
        JPEG_q90=_saved_as("JPEG", quality=90),
        JPEG_q50=_saved_as("JPEG", quality=50),
        JPEG_q30=_saved_as("JPEG", quality=30),
        JPEG_q10=_saved_as("JPEG", quality=10),
        WebP=_saved_as("WEBP", quality=50, method=0),
        AVIF=_saved_as("AVIF", quality=50, speed=9),
        PNG=_saved_as("PNG", compress_level=1),
        GIF_palette=lambda image, _: saved(image.convert("P", palette=Image.Palette.ADAPTIVE, colors=32), "GIF"),
        greyscale=lambda image, _: saved(image.convert("L")),
        CMYK=lambda image, _: saved(image.convert("CMYK")),
        _16_bit=_sixteen_bits,
        size_025=_resized(0.25, 0.25),
        size_05=_resized(0.5, 0.5),
        size_2=_resized(2, 2),
        size_4=_resized(4, 4),
        aspect_wider=_resized(1.2, 1),
        aspect_narrower=_resized(0.8, 1),
        EXIF_orientation=_by_exif,
    ),
    Attack(
        "cut out, on transparency",
        RESAVED,
        lambda image, dice: saved(_cut_out(image, (dice.randrange(256), 40, 200)), "WEBP", quality=60),
        shape="cut out",
    ),
    *_attacks(
        LIGHT,
        brightness_60=_enhanced(ImageEnhance.Brightness, 0.6),
        brightness_140=_enhanced(ImageEnhance.Brightness, 1.4),
        contrast_60=_enhanced(ImageEnhance.Contrast, 0.6),
        contrast_140=_enhanced(ImageEnhance.Contrast, 1.4),
        gamma_06=_gamma(0.6),
        gamma_14=_gamma(1.4),
        saturation_0=_enhanced(ImageEnhance.Color, 0.0),
        saturation_200=_enhanced(ImageEnhance.Color, 2.0),
        blur_2=lambda image, _: image.filter(ImageFilter.GaussianBlur(2)),
        blur_4=lambda image, _: image.filter(ImageFilter.GaussianBlur(4)),
        sharpen=lambda image, _: image.filter(ImageFilter.UnsharpMask(3, 200)),
        noise_15=_noisy(15),
        noise_30=_noisy(30),
        small_text=_small_text,
        filter_sepia=_sepia,
        filter_warm=_tinted(1.2, 1.0, 0.75),
        filter_cool=_tinted(0.8, 1.0, 1.25),
        filter_faded=_faded,
        filter_vignette=_vignette,
        filter_autocontrast=lambda image, _: ImageOps.autocontrast(image, 2),
    ),
    *_attacks(
        MIRRORED,
        mirror=lambda image, _: ImageOps.mirror(image),
        flip=lambda image, _: ImageOps.flip(image),
        turned_90=lambda image, _: image.transpose(Image.Transpose.ROTATE_90),
        turned_180=lambda image, _: image.transpose(Image.Transpose.ROTATE_180),
        turned_270=lambda image, _: image.transpose(Image.Transpose.ROTATE_270),
    ),
    *_attacks(
        BORDERS,
        border_5=_framed(0.05, 0.05),
        border_10=_framed(0.1, 0.1),
        border_20=_framed(0.2, 0.2),
        border_two_colours=_framed(0.2, 0.2, two=True),
        letterbox_10=_framed(0, 0.1),
        letterbox_20=_framed(0, 0.2),
        pillarbox_20=_framed(0.2, 0),
        letterbox_two_colours=_two_bars,
        screenshot_margins=_screenshot_margins,
    ),
    *_attacks(
        CROP5,
        square_centre_crop=_square,
        crop_5_centre=_centre(0.05),
        crop_5_one_side=_one_side(0.05),
        crop_5_corner=_corner(0.05),
    ),
    *_attacks(
        COVERED,
        sticker=_sticker,
        logo=_logo,
        caption_bar=_caption_bar,
        meme_text=_meme,
        watermark=_watermark,
    ),
    *_attacks(
        CROP10,
        crop_10_centre=_centre(0.1),
        crop_10_one_side=_one_side(0.1),
        crop_10_corner=_corner(0.1),
        turned_2=_turned(2),
        turned_2_inside=_turned_inside(2),
    ),
    *_attacks(
        INSIDE,
        caption_outside=_caption_outside,
        app_screen=_app_screen,
        collage=_collage,
        blurred_letterbox=_blurred_letterbox,
    ),
    *_attacks(
        HARD,
        crop_20_centre=_centre(0.2),
        crop_20_one_side=_one_side(0.2),
        crop_20_corner=_corner(0.2),
        turned_5=_turned(5),
        turned_5_inside=_turned_inside(5),
        circle=_circle,
        mirror_crop_5_text=_all(lambda image, _: ImageOps.mirror(image), _corner(0.05), _small_text),
        border_turned_2_filter=_all(_turned(2), _tinted(1.2, 1.0, 0.75), _framed(0.1, 0.1)),
        crop_brightness_q50=_all(
            _one_side(0.1), _enhanced(ImageEnhance.Brightness, 1.3), _saved_as("JPEG", quality=50)
        ),
    ),
    *_attacks(
        UNFORESEEN,
        window_10=_window(0.1),
        window_20=_window(0.2),
        crop_7_corner=_corner(0.07),
        crop_13_centre=_centre(0.13),
        crop_13_corner=_corner(0.13),
        turned_3=_turned(3),
        turned_3_inside=_turned_inside(3),
        size_70_q40=_all(_resized(0.7, 0.7), _saved_as("JPEG", quality=40)),
    ),
]
