"""Alternating runs: what is compared runs in turn, so that a slow minute of the machine is everybody's."""
import statistics

from . import progress


def alternate(part, contenders, rounds):
    """Rounds of {name: result}. `contenders`: name -> function. Who begins moves on by one from round to round."""
    names = list(contenders)
    told = []
    for number in range(rounds):
        order = names[number % len(names):] + names[:number % len(names)]
        results = {}
        for name in order:
            progress.step(part, f"{name}, round {number + 1} of {rounds}")
            results[name] = contenders[name]()
        told.append(results)
    progress.done()
    return told


def spread(values):
    """Median, least and most; None where there is no value."""
    if not values:
        return None
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def ratio(rounds, above, below):
    """The spread of above / below, each pair of one round; `above` and `below` take a round's results."""
    return spread([above(one) / below(one) for one in rounds])


def difference(rounds, left, right):
    return spread([left(one) - right(one) for one in rounds])


def judged(value, budget, at_most=False):
    """'budget ≥ 0.75: met', or nothing without a budget."""
    if budget is None:
        return ""
    met = value <= budget if at_most else value >= budget
    return f"budget {'≤' if at_most else '≥'} {budget:,}: {'met' if met else 'MISSED'}"


def show(label, numbers, form, told=""):
    """One line of a table: a label, then median, least and most, each in the format `form`."""
    cells = " ".join(f"{numbers[key]:{form}}" for key in ("median", "least", "most"))
    print(f"   {label:<44} {cells}  {told}".rstrip())


def head(label, width):
    print(f"   {label:<44} " + " ".join(f"{word:>{width}}" for word in ("median", "least", "most")))
