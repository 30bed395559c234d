"""The rules of the demo's stories: words, story plans and sentences.

In a sentence, {slot} is something the story has decided once and for all, and
<class> a free choice whose alternatives may contain slots and classes again.
{he} {his} {him} {He} {His} stand for the hero, {fhe} {fhis} {fhim} {Fhe} {Fhis}
for the friend. A sentence names a slot at most once. Every sentence ends in
one of . ! ? or in one of them and a quotation mark, and has none before.
"""

# The story's decisions. The hero's and the friend's names carry the gender.
NAMES = {
    "hero": {"f": ["Mia", "Lily", "Nora", "Ruby", "Ella", "Zoe", "Ivy"],
             "m": ["Tom", "Ben", "Max", "Leo", "Sam", "Finn", "Jack"]},
    "friend": {"f": ["Hazel", "Willow", "Pearl", "Clover", "Olive"],
               "m": ["Oscar", "Bruno", "Rusty", "Pip", "Barnaby"]},
}
SLOTS = {
    "kind": ["mouse", "rabbit", "fox", "bear", "cat", "duck", "frog",
             "puppy", "dragon", "robot", "penguin", "lamb", "giraffe"],
    "fkind": ["owl", "hedgehog", "badger", "goose", "squirrel", "turtle",
              "donkey", "sheep"],
    "home": ["by the river", "at the edge of the forest", "near the sea",
             "in a tall tower", "under an oak tree", "on top of a hill",
             "behind the mill", "in a tiny village",
             "beside a waterfall"],
    "place": ["garden", "forest", "market", "meadow", "harbor", "library",
              "cave", "orchard", "desert", "castle"],
    "thing": ["kite", "lantern", "drum", "hat", "boat", "key", "bell",
              "map", "scarf", "clock", "violin", "crown", "teapot", "mirror",
              "bicycle"],
    "dish": ["cake", "soup", "pie", "stew", "pudding", "salad", "pizza",
             "sandwich"],
    "missing": ["honey", "milk", "butter", "salt", "sugar", "cheese",
                "pepper", "flour"],
    "skill": ["swim", "dance", "whistle", "juggle", "sing", "skate",
              "fly", "paint", "climb"],
    "gift": ["shell", "feather", "pebble", "flower", "button", "coin"],
}

# Free choices.
CLASSES = {
    "size": ["little", "small", "young", "clever", "brave", "shy", "cheerful",
             "curious"],
    "color": ["red", "blue", "green", "yellow", "silver", "golden"],
    "look": ["<color>", "shiny", "beautiful", "wooden", "<color> and shiny"],
    "trait": ["kind", "wise", "gentle", "friendly", "patient", "funny"],
    "sad": ["sad", "upset", "worried", "lonely"],
    "glad": ["happy", "proud", "glad", "full of joy"],
    "very": ["very", "so", "quite", "terribly"],
    "weather": ["sunny", "windy", "rainy", "cold", "foggy", "warm"],
    "time": ["morning", "day", "afternoon", "evening"],
    "when": ["One <weather> <time>", "One <time>", "The next <time>",
             "On a <weather> <time>"],
    "spot": ["under a <color> stone", "behind a bush", "beside the path",
             "in a tree", "inside an old box", "between two rocks"],
    "went": ["walked", "ran", "hurried", "wandered", "skipped"],
    "search": ["looked everywhere", "searched all day",
               "looked <spot> and <spot>", "asked everyone in the village"],
    "said": ["said", "whispered", "called", "answered"],
    "smiled": ["smiled", "laughed", "nodded", "clapped"],
    "promise": ["I will help you", "We can do it together",
                "Do not give up", "Let us try once more"],
    "hello": ["Hello", "Good <time>", "Hello, little one"],
    "taste": ["sweet", "warm", "delicious", "the best in the whole village"],
    "noise": ["a strange noise", "a quiet voice", "a loud splash",
              "someone crying"],
    "trouble": ["stuck <spot>", "lost in the fog", "caught in a net",
                "too tired to walk home"],
    "meal": ["a cup of tea", "a bowl of berries", "a slice of cake",
             "some warm bread"],
    "sky": ["the moon rose", "the stars came out", "the sun went down",
            "it began to snow"],
}

PARTS = {
    "opening": [
        "Once upon a time, a <size> {kind} named {hero} lived {home}.",
        "There was once a <size> {kind} called {hero} who lived {home}.",
        "Long ago, a <size> and <trait> {kind} named {hero} lived {home}.",
        "{hero} was a <size> {kind} who lived {home}.",
    ],
    "love": [
        "{hero} had a <look> {thing}, and {he} loved it <very> much.",
        "{His} favorite thing in the world was a <look> {thing}.",
        "Every <time>, {he} played with {his} <look> {thing}.",
        "{His} <trait> grandmother had given {him} a <look> {thing}.",
    ],
    "lose": [
        "<when>, the {thing} was gone.",
        "<when>, {hero} <went> to the {place} and lost the {thing}.",
        "<when>, the wind carried the {thing} away to the {place}.",
        "<when>, {he} could not find the {thing} anywhere.",
    ],
    "sorrow": [
        "{hero} was <very> <sad>.",
        "{He} <search>, but {he} found nothing.",
        "{He} sat down <spot> and felt <very> <sad>.",
        "\"Where can it be?\"",
    ],
    "meet": [
        "In the {place}, {he} met a <trait> {fkind} named {friend}.",
        "Then a <trait> {fkind} called {friend} came out of the {place}.",
        "{hero} <went> to the {place} to see {friend}, a <trait> {fkind}.",
        "Soon {he} saw a {fkind} named {friend}, who was <trait>.",
    ],
    "talk": [
        "\"<promise>,\" <said> {friend}.",
        "{friend} <smiled> and <said>, \"<hello>, <promise>!\"",
        "\"<hello>, why are you <very> <sad>?\"",
        "{friend} listened and gave {him} <meal>.",
    ],
    "find": [
        "Together they <search>, and they found the {thing} <spot>.",
        "With {fhis} sharp eyes, {friend} saw the {thing} <spot>.",
        "At last, {hero} found the <look> {thing} <spot>.",
        "The {thing} was <spot> all the time!",
    ],
    "bake": [
        "<when>, {he} wanted to make a <color> {dish}, but there was no "
        "{missing}.",
        "<when>, {hero} began to cook, but {he} had no {missing} for the "
        "{dish}.",
        "{hero} dreamed of a {dish}, but {he} needed some {missing}.",
    ],
    "borrow": [
        "{friend} had plenty of {missing} and shared it with {him}.",
        "\"Take my {missing},\" <said> {friend}, who was <trait>.",
        "{Fhe} <went> home and came back with some {missing}.",
    ],
    "eat": [
        "They ate the {dish} together, and it was <taste>.",
        "Soon the {dish} was ready, and it was <taste>.",
        "The {dish} was <taste>, and everyone asked for more.",
    ],
    "hear": [
        "<when>, {he} <went> through the {place} and heard <noise>.",
        "<when>, {hero} heard <noise> in the {place}.",
        "<when>, <noise> came from the {place}, and {he} <went> there.",
    ],
    "trouble": [
        "It was {friend} the {fkind}, who was <trouble>.",
        "A {fkind} named {friend} was <trouble>.",
        "There {he} found {friend}, a <trait> {fkind}, who was <trouble>.",
    ],
    "rescue": [
        "{hero} took {fhis} hand and <said>, \"<promise>!\"",
        "{He} pulled and pulled until {friend} was free.",
        "{He} gave {fhim} <meal> and carried {fhim} home.",
        "\"<promise>,\" <said> {hero}, and soon {friend} was safe.",
    ],
    "reward": [
        "{friend} thanked {him} and gave {him} a <look> {gift}.",
        "\"You saved me,\" <said> {friend}, and {fhe} gave {him} a {gift}.",
        "For {his} help, {he} got a <color> {gift} from {friend}.",
    ],
    "wish": [
        "{hero} wanted to learn to {skill}, but {he} was afraid.",
        "More than anything, {he} wished to {skill}.",
        "Everyone could {skill}, but not {hero}.",
    ],
    "practice": [
        "Every <time>, {friend} showed {him} how to {skill}.",
        "They practiced in the {place} until <sky>.",
        "{He} tried and fell, but {friend} <smiled> and <said>, "
        "\"<promise>!\"",
        "\"Watch me,\" <said> {friend}, and {fhe} began to {skill}.",
    ],
    "success": [
        "Then, when <sky>, {hero} could {skill} at last.",
        "At last, {he} was not afraid, and {he} could {skill}.",
        "\"Look, I can {skill}!\"",
    ],
    "ending": [
        "{hero} was <glad>, and {friend} was <glad> too.",
        "From that day on, {hero} and {friend} were best friends.",
        "When <sky>, they <went> home and were <glad>.",
        "{hero} thanked {fhim} and <went> home, <very> <glad>.",
    ],
}

PLANS = [
    ["opening", "love", "lose", "sorrow", "meet", "talk", "find", "ending"],
    ["opening", "bake", "sorrow", "meet", "talk", "borrow", "eat", "ending"],
    ["opening", "hear", "trouble", "rescue", "reward", "ending"],
    ["opening", "wish", "meet", "talk", "practice", "practice", "success",
     "ending"],
]
