# SPDX-License-Identifier: MIT
"""The words: what the model names, what it must reject, and what it never hears in training."""

# One output of the model each, in this order, then the two classes below.
KEYWORDS = ("yes no up down left right on off stop go start pause").split()
UNKNOWN = "_unknown_"
SILENCE = "_silence_"
LABELS = KEYWORDS + [UNKNOWN, SILENCE]

# Words that teach _unknown_. Homophones of a keyword in some accent (know, write, paws, pores,
# pours, ...) are in neither list: no recogniser can tell them apart from one word of sound.
# The first group is made of near misses, which are rendered more often.
NEAR_MISSES = """
yet yell yep guess mess chess bless less dress press yesterday
nor nothing note nose toe low slow show oh nobody nope gnaw new now
upper cup pup cop ape hop hub under utter us
drown brown found sound noun crown dawn town dine den done downstairs
lift loft let leaf lost felt theft lend laugh led leftover
ripe rice ride light bright night rat rate root rid rise rightly fright
an in own one arm hon ton wan onto john swan
of often cough odd ought us loft soft offend if half
stock step stab top shop drop stoop stuff stomp stopping spot staff
goal goat ghost dough glow grow gold girl got good going ago
star stark smart part dart heart cart stars starting art chart starve
pose pays jaws cause cores spouse pass patch paul pulse horse pausing
""".split()

OTHER_WORDS = """
one two three four five six eight ten eleven twelve twenty hundred thousand million
bird dog house marvin sheila wow backward follow learn
red green yellow black white brown pink gray
man woman child boy father sister brother baby uncle friend neighbor teacher farmer soldier
head face eye ear mouth tooth tongue neck hand finger leg foot knee bone blood skin
apple banana cherry lemon potato tomato onion carrot butter cheese chicken water sugar salt pepper
morning evening summer spring autumn tuesday friday sunday january april october december
street bridge mountain ocean island forest desert valley village city country farm road
car train plane boat bicycle truck engine wheel
book paper letter page story poem question answer number word sentence language
happen begin finish open close turn switch play record volume louder softer mute skip
repeat cancel enter exit delete insert select copy paste undo help menu home search
quick heavy empty full warm cold dry wet clean dirty strong weak young old early late
never always sometimes often seldom again almost perhaps because although however
machine network driver kernel memory process signal buffer channel device
battery camera picture movie radio television message calendar meeting office school
think speak listen watch carry bring throw catch climb swim jump dance laugh cry sleep
animal monkey elephant tiger lion rabbit mouse sheep cow pig duck eagle spider
copper iron wooden plastic leather cotton glass stone brick
beautiful terrible wonderful dangerous important different possible difficult
anything everyone somewhere himself themselves
shirt jacket shoe pocket button mirror ladder hammer basket bottle
weather thunder lightning sunshine wind storm ice fire smoke earth
europe america africa london paris berlin
the and but with from that this what where which who how
jazz vivid zebra quiz judge church measure azure thing bath
""".split()

# Parts of running speech (a random second of it) also teach _unknown_; none holds a keyword.
SENTENCES = [
    "the weather will be fine this afternoon",
    "please send me the letter before friday",
    "my brother works in a large factory near the river bank",
    "she sells sea shells by the sea shore",
    "we have been waiting for the train since early morning",
    "every child likes chocolate and vanilla ice cream",
    "the quick brown fox jumps over the lazy dog",
    "could you tell me what time it is",
    "there were many people at the market today",
    "a large ship was sailing across the bay",
    "he reads the same book again and again",
    "they built a wooden house between two hills",
    "turn the volume lower and close the window",
    "our teacher speaks five languages very well",
    "it was a bright cold day in april",
    "thank you very much indeed for your kind letter",
]

# Never used in training, for the rate of false accepts. The first line is of near misses.
HELD_OUT_WORDS = """
gone snow lied gong stalk stack clause pawn opera yelp leopard crowd rider cuff
zero seven nine bed cat happy tree visual forward curtain garden coffee orange silver purple
doctor music canyon kitchen mother table pencil winter monday august computer telephone station
hospital hello thanks maybe lamp blue door bread cloud fish king milk rain rocket
candle painter guitar pillow sandwich balloon dolphin feather marble
""".split()
HELD_OUT_SENTENCES = [
    "several farmers brought their vegetables into the village",
    "nobody remembers who painted this picture",
    "the museum is closed for repairs until wednesday",
    "her grandmother bakes excellent apple pies",
]


def check():
    """Refuse lists that would spoil the held-out measurement."""
    train = set(NEAR_MISSES) | set(OTHER_WORDS)
    for sentence in SENTENCES:
        train |= set(sentence.split())
    held = set(HELD_OUT_WORDS)
    for word in KEYWORDS:
        assert word not in train | held, word
    assert not train & held, train & held
