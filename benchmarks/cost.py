def report(x):
    return f"cost {x}"
