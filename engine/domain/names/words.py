"""The words that automatic container names are made of."""

from __future__ import annotations

ADJECTIVES: tuple[str, ...] = (
    "able", "agile", "airy", "alert", "amiable", "ample", "apt", "ardent", "artful", "attentive",
    "balmy", "blithe", "bold", "boring", "brave", "breezy", "bright", "brisk", "buoyant", "calm",
    "candid", "careful", "cheerful", "chipper", "civil", "clear", "clever", "cordial", "cosy", "crisp",
    "curious", "daring", "deft", "devoted", "diligent", "dreamy", "droll", "eager", "earnest", "easy",
    "elated", "elegant", "exact", "fair", "faithful", "fearless", "festive", "fleet", "fluent", "fond",
    "frank", "friendly", "frugal", "gallant", "generous", "gentle", "genuine", "gifted", "glad", "graceful",
    "hardy", "hearty", "helpful", "honest", "humble", "jaunty", "jolly", "jovial", "keen", "kind",
    "lively", "loyal", "lucid", "merry", "mindful", "modest", "neat", "nimble", "patient", "peaceful",
    "placid", "plucky", "polite", "prudent", "quick", "quiet", "radiant", "robust", "serene", "sincere",
    "snug", "sober", "spry", "stable", "steady", "sunny", "tidy", "tranquil", "upbeat", "vivid",
    "warm", "wise", "witty", "zesty",
)  # fmt: skip

SURNAMES: tuple[str, ...] = (
    # mathematics and logic
    "abel", "agnesi", "apollonius", "archimedes", "banach", "bernoulli", "bhaskara", "boole", "brahmagupta",
    "cantor", "cartwright", "cauchy", "chebyshev", "diophantus", "dirichlet", "eratosthenes", "erdos",
    "euclid", "euler", "fermat", "fibonacci", "fourier", "galois", "gauss", "germain", "godel",
    "grothendieck", "hamilton", "hilbert", "hypatia", "jacobi", "khayyam", "khwarizmi", "kolmogorov",
    "kovalevskaya", "lagrange", "laplace", "legendre", "leibniz", "lovelace", "mandelbrot", "markov",
    "mirzakhani", "noether", "pascal", "peano", "poincare", "ramanujan", "riemann", "robinson",
    "somerville", "tarski", "thales", "weierstrass",
    # physics and astronomy
    "ampere", "bardeen", "becquerel", "bell", "biruni", "bohr", "boltzmann", "bose", "brahe", "burnell",
    "cannon", "carnot", "cavendish", "chandrasekhar", "compton", "copernicus", "coulomb", "curie",
    "dirac", "doppler", "eddington", "einstein", "faraday", "fermi", "feynman", "fleming", "foucault",
    "fraunhofer", "fresnel", "galilei", "gibbs", "goeppert", "hawking", "heisenberg", "helmholtz",
    "herschel", "hertz", "hubble", "huygens", "joule", "kelvin", "kepler", "landau", "leavitt",
    "lorentz", "maxwell", "meitner", "michelson", "millikan", "newton", "oersted", "ohm", "oppenheimer",
    "pauli", "payne", "penrose", "planck", "raman", "rayleigh", "roentgen", "rubin", "rutherford",
    "saha", "salam", "schrodinger", "thomson", "tycho", "volta", "wu", "yukawa",
    # chemistry
    "arrhenius", "avogadro", "berzelius", "boyle", "cori", "dalton", "davy", "franklin", "haber",
    "hodgkin", "kekule", "lavoisier", "liebig", "mendeleev", "nobel", "pauling", "perey", "priestley",
    "scheele", "sanger", "seaborg",
    # life and earth
    "anning", "avicenna", "blackwell", "burbank", "carson", "crick", "cuvier", "darwin", "elion",
    "galen", "goodall", "harvey", "hooke", "humboldt", "jenner", "koch", "lamarck", "leakey", "lehmann",
    "levi", "linnaeus", "lister", "lyell", "mayer", "mcclintock", "mendel", "merian", "montalcini",
    "pasteur", "pavlov", "ray", "salk", "semmelweis", "tharp", "vesalius", "virchow", "wallace", "wegener",
    # engineering
    "arkwright", "armstrong", "baekeland", "bessemer", "braille", "brunel", "carver", "daimler", "diesel",
    "eiffel", "goddard", "gutenberg", "jazari", "korolev", "lamarr", "marconi", "morse", "nightingale",
    "otto", "siemens", "stephenson", "telford", "tesla", "trevithick", "tsiolkovsky", "watt", "wright", "zworykin",
    # computing
    "allen", "antonelli", "babbage", "backus", "bartik", "berners", "cerf", "church", "clarke", "dijkstra",
    "easley", "engelbart", "floyd", "goldberg", "hoare", "holberton", "hopper", "iverson", "jackson", "johnson",
    "kahn", "kay", "keller", "kernighan", "kilby", "knuth", "lamport", "liskov", "mccarthy",
    "minsky", "naur", "perlis", "perlman", "postel", "ritchie", "shannon", "shaw", "sinoussi", "snyder",
    "sutherland", "thompson", "turing", "vaughan", "wiener", "wilkes", "wing", "wirth", "wozniak", "zuse",
)  # fmt: skip
