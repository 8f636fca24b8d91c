"""Every setting with its default and its unit.

Override them in `config.py` in the instance folder, or by environment variables with the prefix MODERATION_
(`MODERATION_SIGN_UP=false`); README lists them too.
"""

# --- the site ---------------------------------------------------------------

# The name in the page titles.
SITE_NAME = "moderation"

# What sessions are signed with; empty for the key in the instance folder, which is made at the first start.
SECRET_KEY = ""

# Whether people may open an account themselves.
SIGN_UP = True

# --- limits, counted for all processes together; 0 for none -----------------

# Wrong passwords for one name, and from one address, within 15 minutes.
LIMIT_SIGN_IN = 10
LIMIT_SIGN_IN_ADDRESS = 50

# Accounts that people try to open from one address within an hour.
LIMIT_SIGN_UP_ADDRESS = 20

# Uploads of one member, and from one address, within an hour.
LIMIT_UPLOADS = 60
LIMIT_UPLOADS_ADDRESS = 600

# --- uploads ----------------------------------------------------------------

# The largest file accepted, in megabytes (10^6 bytes).
MAX_UPLOAD_MB = 10

# The largest picture accepted, in megapixels (10^6 pixels).
MAX_MEGAPIXELS = 40

# Pictures that may be expensive to read (large ones, GIF, AVIF, odd headers) are read in a process of its own: the
# most that one may take, in seconds and in megabytes (10^6 bytes) of memory, and how many are read at a time, over all
# workers.
DECODE_SECONDS = 1.25
DECODE_MB = 800
DECODE_AT_ONCE = 2

# --- matching ---------------------------------------------------------------

# A picture is refused when whole or without its border, turned in any way, it is within so many bits of an entry:
REFUSE_DHASH = 10  # ... of the dHash's 64
REFUSE_PHASH = 40  # ... and of the pHash's 256, which confirms

# A near match: the picture is held for a moderator.
HOLD_DHASH = 12
HOLD_PHASH = 54

# Of candidates in any of their views the pixels are compared: within so many bits of the dHash, and the pHash's bits
# and twice the dHash's together at most so many. They are recorded with every check, for the statistics.
CANDIDATE_DHASH = 12
CANDIDATE_PHASH = 96

# Two pictures laid over each other: the share of the textured blocks that agree from which on a picture is held, and
# their mean correlation from which on it is refused.
HOLD_SHARE = 0.70
REFUSE_CORRELATION = 0.92

# So many uploads refused or held within an hour, and a member's further ones are held for a person whatever the
# verdict would be: nobody tunes a disguise against the answers. Likewise from one address, by whatever accounts.
# 0 for never.
HOLD_AFTER = 3
HOLD_AFTER_ADDRESS = 10

# How codes are looked up: "bktree" (pybktree), "multi" (multi-index hashing, in numpy), or "auto": the BK-tree up to
# 2,000 codes (a blocked picture has about 40), the other beyond.
INDEX_ENGINE = "auto"

# --- how long things are kept -------------------------------------------------

# `moderation purge` deletes, None for never: days after the end of the time for an appeal, and after the last decision
# on it, the files and fingerprint of a picture that is refused or taken down.
QUARANTINE_DAYS = 30

# Days after a member's newer picture came on show, those of the older one.
REPLACED_DAYS = 90

# Days after a comparison with the blocklist its record, of a picture that is on show, replaced or deleted. Statistics
# of that time lose it.
CHECK_DAYS = 730

# --- the console ------------------------------------------------------------

# Pictures on a page of the grid.
GRID_PAGE = 48

# Days after a picture was refused or taken down within which its member may appeal.
APPEAL_DAYS = 180

# So many refusals by one entry overturned by appeals, and it blocks no more until somebody restores it.
SUSPEND_OVERTURNS = 3

# Seconds between two looks of an open grid for what is new.
POLL_SECONDS = 1.0

# The most that an admin sends at once to be blocked or known good, in megabytes (10^6 bytes).
IMPORT_MB = 200

# --- storage ----------------------------------------------------------------

# The folder of the picture files; a relative one lies in the instance folder.
PICTURE_STORE = "pictures"

# The database, as an SQLAlchemy URL; empty for moderation.sqlite in the instance folder.
DATABASE_URL = ""

# Whether to wait until the disk has what was written. False only where losing the last moments is harmless.
DURABLE = True

# Seconds after which work that its process did not finish is taken over by another.
LEASE_SECONDS = 60.0

# --- serving ----------------------------------------------------------------

# Worker processes, and threads in each.
WORKERS = 2
THREADS = 4

# Reverse proxies in front whose X-Forwarded-For, -Proto and -Host are trusted.
PROXIES = 0

# The host names under which the site may be asked for, by probes too, with spaces between them; empty for any.
# ".example.com" means those below it, too. A link that sets a password, which an admin hands out, begins with the name
# that the admin's browser asked for; the link that makes the first admin, with the first of these.
HOSTS = ""

# How the server logs to standard error: "text", errors alone, for people; "json", a line for each event and request.
LOG_FORMAT = "text"

# Whether programs on this very machine may ask for /metrics without a token. Not so where a proxy on this machine
# passes on requests of others without an X-Forwarded-For.
METRICS_LOCAL = True

# Whether session cookies go over HTTPS only: True, False, or "auto", which makes an exception for plain HTTP on
# this very machine.
SECURE_COOKIES = "auto"

# Hours until somebody who does nothing is signed out; a grid that is only open does nothing.
SESSION_HOURS = 12

# Hours until everybody has to sign in again.
SESSION_MOST_HOURS = 168

# Hours for which a link that sets a new password is good.
LINK_HOURS = 24
