from damage_perception.simulation.packaging.product import FORMS, Product
from damage_perception.simulation.split import SUBJECTS, Split, families, generator


def test_no_family_of_appearance_is_in_both_train_and_test() -> None:
    for subject in SUBJECTS:
        known = set(families(Split.TRAIN, subject)) | set(families(Split.VALIDATION, subject))
        assert known.isdisjoint(families(Split.TEST, subject)), subject
        assert families(Split.TEST, subject)


def test_no_product_is_in_two_splits() -> None:
    drawn = {split: [Product.generate(split, index) for index in range(500)] for split in Split}
    skus = {split: {product.sku for product in products} for split, products in drawn.items()}
    sizes = {split: {product.size_m for product in products} for split, products in drawn.items()}
    for split in Split:
        for other in set(Split) - {split}:
            assert skus[split].isdisjoint(skus[other])
            assert sizes[split].isdisjoint(sizes[other])


def test_a_product_is_fixed_by_its_number() -> None:
    assert Product.generate(Split.TRAIN, 7) == Product.generate(Split.TRAIN, 7)
    forms = {Product.generate(Split.TRAIN, index).form for index in range(200)}
    assert forms == set(FORMS)


def test_the_same_numbers_give_other_draws_in_another_split() -> None:
    draws = {generator(split, "view", 3).random() for split in Split}
    assert len(draws) == len(Split)
