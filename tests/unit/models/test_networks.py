"""The networks, the augmentation and the techniques of training; skipped where PyTorch is not installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.data import PRIVATE, PUBLIC, TRAIN, Faces

torch = pytest.importorskip(
    "torch", reason="PyTorch is not installed (pip install -r models/requirements-train.txt)", exc_type=ImportError
)
pytest.importorskip("tqdm", reason="tqdm is not installed (pip install -r models/requirements-train.txt)")

from models import compare, distill, views  # noqa: E402 - after the check for PyTorch
from models.augment import augment, augment_both  # noqa: E402
from models.export import load  # noqa: E402
from models.networks import NETWORKS, count_macs, start_from_imagenet, to_input, use_imagenet  # noqa: E402
from models.techniques import (  # noqa: E402
    blend,
    climb,
    descend,
    distillation_losses,
    log_priors,
    mix_teachers,
    mixup_shares,
    smoothed,
    soft_cross_entropy,
)
from models.train import Trainer, options  # noqa: E402


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(1)


def few_faces() -> Faces:
    rng = np.random.default_rng(1)
    votes = np.eye(7, dtype=np.float32)[np.arange(24) % 7]
    label = np.arange(24) % 7
    split = np.repeat([TRAIN, PUBLIC, PRIVATE], (12, 8, 4))
    return Faces(rng.integers(0, 256, (24, 48, 48)).astype(np.uint8), label, votes, label, label, split)


def trainer(folder: Path, *more: str, epochs: int = 1) -> Trainer:
    arguments = ["unused", "--output", str(folder), "--network", "cnn", "--batch", "6", "--epochs", str(epochs), *more]
    return Trainer(few_faces(), options().parse_args(arguments))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_gives_seven_logits_for_each_of_two_heads(name: str) -> None:
    network = NETWORKS[name]().eval()
    with torch.no_grad():
        ferplus, fer2013 = network(torch.zeros(2, 1, 48, 48))
    assert ferplus.shape == fer2013.shape == (2, 7)
    assert torch.isfinite(ferplus).all()
    assert torch.isfinite(fer2013).all()


def test_names_in_the_small_network_are_those_of_earlier_runs() -> None:
    state = NETWORKS["mobilenet-v2-small"]().state_dict()
    assert len(state) == 208
    assert state["trunk.0.0.weight"].shape == (16, 1, 3, 3)
    assert state["trunk.11.1.0.weight"].shape == (384, 1, 3, 3)
    assert state["trunk.12.0.weight"].shape == (512, 160, 1, 1)
    assert state["fer2013.weight"].shape == (7, 512)


def test_macs_of_known_layers() -> None:
    layers = torch.nn.Sequential(
        torch.nn.Conv2d(4, 8, 3, stride=2, padding=1, groups=2), torch.nn.Flatten(), torch.nn.Linear(8 * 5 * 5, 7)
    )
    assert count_macs(layers, (4, 10, 10)) == 8 * 5 * 5 * 2 * 9 + 200 * 7
    assert layers.training
    assert 50e6 < count_macs(NETWORKS["mobilenet-v2-medium"]()) < 52e6


def as_torchvision(network: Any) -> dict[str, Any]:
    """Weights as torchvision would have saved them: other names, a colour stem, a classifier."""
    state = {f"features.{i}": torch.randn_like(v) for i, v in enumerate(weights_of(network).values())}
    state["features.0"] = torch.randn(state["features.0"].shape[0], 3, *state["features.0"].shape[2:])
    return state | {"classifier.1.weight": torch.zeros(1000, 1280), "features.1.num_batches_tracked": torch.tensor(5)}


def weights_of(network: Any) -> dict[str, Any]:
    return {n: v for n, v in network.trunk.state_dict().items() if not n.endswith("num_batches_tracked")}


@pytest.mark.parametrize("name", ["mobilenet-v2-1.0", "resnet-50"])
def test_imagenet_weights_are_taken_with_a_grey_stem(name: str) -> None:
    network = NETWORKS[name]()
    given = as_torchvision(network)
    assert len(use_imagenet(network, given)) == len(weights_of(network))
    mine = list(weights_of(network).values())
    assert torch.equal(mine[1], given["features.1"])
    assert torch.equal(mine[-1], given[f"features.{len(mine) - 1}"])
    # A grey level g in 0..1 has to give what the colours (g, g, g), each divided by its spread, gave, but for a
    # constant that batch normalisation takes away.
    expected = sum(given["features.0"][:, c] / spread for c, spread in enumerate((0.229, 0.224, 0.225))) / 2
    torch.testing.assert_close(mine[0][:, 0], expected)


def test_imagenet_weights_for_inputs_like_ours_keep_their_scale() -> None:
    network = NETWORKS["efficientnet-lite0"]()
    own = weights_of(network)
    first = next(iter(own))
    given = {("_conv_stem.weight" if name == first else name): torch.randn_like(own[name]) for name in own}
    given["_conv_stem.weight"] = torch.randn(32, 3, 3, 3)
    assert len(use_imagenet(network, given | {"_fc.weight": torch.zeros(1000, 1280)})) == len(own)
    torch.testing.assert_close(weights_of(network)[first], given["_conv_stem.weight"].sum(1, keepdim=True))


def test_imagenet_weights_of_another_network_are_refused_in_one_line(tmp_path: Path) -> None:
    weights = as_torchvision(NETWORKS["mobilenet-v2-1.0"]())
    for name in ("mobilenet-v2-0.5", "resnet-50"):
        torch.save(weights, tmp_path / "weights.pth")
        with pytest.raises(ValueError, match=r"weights\.pth does not fit") as caught:
            start_from_imagenet(NETWORKS[name](), tmp_path / "weights.pth")
        assert "\n" not in str(caught.value)
    (tmp_path / "weights.pth").write_bytes(b"rubbish")
    with pytest.raises(ValueError, match="not a state_dict"):
        start_from_imagenet(NETWORKS["resnet-50"](), tmp_path / "weights.pth")


def test_augmented_faces_keep_shape_and_range_and_follow_the_seed() -> None:
    x = torch.rand(64, 1, 48, 48, generator=torch.Generator().manual_seed(1)) * 2 - 1
    before = x.clone()
    first, again, other = (augment(x, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert torch.equal(x, before)
    assert first.shape == x.shape
    assert first.dtype == x.dtype
    assert first.min() >= -1
    assert first.max() <= 1
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert (first.flatten(1).std(1) < before.flatten(1).std(1)).any()


def test_a_clear_view_has_moved_as_the_other_but_is_neither_dark_nor_covered() -> None:
    x = torch.rand(64, 1, 48, 48, generator=torch.Generator().manual_seed(1)) * 0.2 + 0.7
    view, clear = augment_both(x, torch.Generator().manual_seed(3))
    assert torch.equal(view, augment(x, torch.Generator().manual_seed(3)))
    assert clear.shape == x.shape
    assert clear.min() > 0.69  # what was bright is bright: nothing covers it
    assert view.min() < 0
    sharp, moved = augment_both(x, torch.Generator().manual_seed(3), degrade=False)
    assert torch.equal(sharp, augment(x, torch.Generator().manual_seed(3), degrade=False))
    assert not torch.equal(moved, x)


def test_teachers_may_be_shown_clear_views(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer(tmp_path / "teacher").run()
    training = trainer(tmp_path / "student", "--teacher", str(tmp_path / "teacher/best.pt"), "--clear-teachers")
    shown = []

    def answer(x: Any) -> Any:
        shown.append(x)
        return torch.zeros(2, len(x), 7)

    monkeypatch.setattr(training.teachers[0], "forward", answer)
    seen, _, _ = training._batch(torch.arange(6), torch.ones(6))
    assert not torch.equal(shown[0], seen)


def test_a_run_that_was_saved_on_a_gpu_goes_on_elsewhere(tmp_path: Path) -> None:
    part = trainer(tmp_path, epochs=2)
    part.args.epochs = 1
    part.run()
    parts = torch.load(tmp_path / "last.pt", weights_only=True)
    for group in parts["optimizer"]["param_groups"]:
        group.update(lr=torch.tensor(group["lr"]), fused=True, capturable=True)
    torch.save(parts, tmp_path / "last.pt")
    rest = trainer(tmp_path, "--resume", epochs=2)
    rest.run()
    assert rest.epoch == 2
    assert all(isinstance(group["lr"], float) and not group["capturable"] for group in rest.optimizer.param_groups)


def test_logits_adjusted_by_the_prior_learn_nothing_from_how_rare_a_class_is() -> None:
    targets = torch.eye(7)[torch.tensor([0] * 90 + [1] * 9 + [2])]
    slopes = []
    for weight in (0.0, 1.0):
        logits = torch.zeros(7, requires_grad=True)
        loss = soft_cross_entropy(logits.expand(100, 7) + weight * log_priors(targets), targets)
        (slope,) = torch.autograd.grad(loss, logits)
        slopes.append(slope.abs().max().item())
    assert slopes[0] > 0.5
    assert slopes[1] < 1e-4


def test_training_adjusts_both_heads_only_if_asked(tmp_path: Path) -> None:
    plain, adjusted = trainer(tmp_path / "plain"), trainer(tmp_path / "adjusted", "--logit-adjustment", "0.5")
    assert [shift.any().item() for shift in plain.adjustments] == [False, False]
    for shift, targets in zip(adjusted.adjustments, (adjusted.votes, adjusted.label), strict=True):
        torch.testing.assert_close(shift, 0.5 * log_priors(targets))
    adjusted.run()
    assert (tmp_path / "adjusted/best.pt").exists()


def test_smoothing_and_cross_entropy_are_those_of_pytorch() -> None:
    logits, label = torch.randn(9, 7), torch.arange(9) % 7
    expected = torch.nn.functional.cross_entropy(logits, label, label_smoothing=0.1)
    torch.testing.assert_close(soft_cross_entropy(logits, smoothed(label)), expected)
    assert soft_cross_entropy(logits, torch.zeros(9, 7)) == 0


def test_mixup_keeps_the_larger_share_and_mixes_pictures_and_targets_alike() -> None:
    shares = mixup_shares(1000, 0.2, torch.Generator().manual_seed(1))
    assert shares.min() >= 0.5
    assert shares.max() <= 1
    assert shares.mean() > 0.85  # most pictures stay almost alone
    assert torch.equal(shares, mixup_shares(1000, 0.2, torch.Generator().manual_seed(1)))
    mixed = blend(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0.75, 0.5]))
    assert mixed.tolist() == [[0.75, 0.25], [0.5, 0.5]]
    assert blend(torch.zeros(2, 1, 4, 4), shares[:2]).shape == (2, 1, 4, 4)


def test_teachers_are_averaged_as_probabilities() -> None:
    sure, unsure = torch.tensor([[20.0, 0, 0, 0, 0, 0, 0]]), torch.zeros(1, 7)
    ferplus, fer2013 = mix_teachers([(sure, unsure), (unsure, unsure)], temperature=1.0)
    assert ferplus[0, 0].item() == pytest.approx((1 + 1 / 7) / 2, abs=1e-4)
    assert fer2013[0].tolist() == pytest.approx([1 / 7] * 7)
    softened, _ = mix_teachers([(sure, unsure)], temperature=10.0)
    assert softened[0, 0].item() == pytest.approx(np.exp(2) / (np.exp(2) + 6), abs=1e-4)
    with pytest.raises(ValueError, match="no teacher"):
        mix_teachers([], temperature=1.0)


def test_a_student_that_repeats_its_teacher_has_nothing_left_to_learn() -> None:
    logits = (torch.randn(5, 7).requires_grad_(), torch.randn(5, 7).requires_grad_())
    taught = tuple(head.detach() for head in mix_teachers([logits], temperature=2.0))
    sum(distillation_losses(logits, taught, temperature=2.0)).backward()
    assert all(head.grad.abs().max() < 1e-6 for head in logits)


def test_teachers_of_one_head_leave_the_other_to_its_labels(tmp_path: Path) -> None:
    trainer(tmp_path / "teacher").run()
    more = ("--teacher", str(tmp_path / "teacher" / "best.pt"), "--taught", "fer2013", "--teacher-weight", "1")
    student = trainer(tmp_path / "student", *more, "--fer2013-weight", "0")
    logits = torch.zeros(6, 7)
    student.forward = lambda _: (logits.clone().requires_grad_(), logits.clone().requires_grad_())
    loss = student.step(torch.arange(6))
    assert loss.item() == pytest.approx(np.log(7))  # equal logits beside labels that are sure; nothing of the teacher's


def test_sharpness_aware_step_climbs_its_radius_and_comes_back() -> None:
    weights = [torch.tensor([3.0, 4.0], requires_grad=True), torch.tensor([1.0], requires_grad=True)]
    weights[0].grad = torch.tensor([0.6, 0.8])
    before = climb(weights, 0.5)
    torch.testing.assert_close(weights[0].detach(), torch.tensor([3.3, 4.4]))
    assert weights[1].tolist() == [1.0]
    descend(before)
    assert weights[0].tolist() == [3.0, 4.0]


def test_training_leaves_a_student_that_export_can_read(tmp_path: Path) -> None:
    trainer(tmp_path / "teacher").run()
    more = ("--teacher", str(tmp_path / "teacher" / "best.pt"), "--mixup", "0.2", "--sam", "0.05")
    trainer(tmp_path / "student", *more).run()
    network, facts = load(tmp_path / "student" / "best.pt")
    assert not network.training
    assert facts["network"] == "cnn"
    assert (tmp_path / "student" / "summary.json").exists()


def test_interrupted_training_goes_on_to_the_same_end(tmp_path: Path) -> None:
    trainer(tmp_path / "whole", epochs=2).run()
    part = trainer(tmp_path / "part", epochs=2)
    part.args.epochs = 1
    part.run()
    rest = trainer(tmp_path / "part", "--resume", epochs=2)
    rest.run()
    assert (tmp_path / "part" / "log.csv").read_text() == (tmp_path / "whole" / "log.csv").read_text()
    assert distill.epochs_of(tmp_path / "part" / "last.pt", 12, 6) == 2


def test_a_deadline_ends_training_with_weights_to_use(tmp_path: Path) -> None:
    training = trainer(tmp_path, epochs=50)
    clock = iter([0.0, *[9.0] * 9])  # the deadline passes within the first epoch
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.train.time.monotonic", lambda: next(clock))
        training.run(deadline=5.0)
    assert training.epoch == 1
    assert load(tmp_path / "best.pt")[1]["epoch"] == "1"
    assert not (tmp_path / "summary.json").exists()  # --resume may go on


def test_distillation_leaves_a_student_even_when_the_time_is_up(tmp_path: Path) -> None:
    arguments = ["unused", "--output", str(tmp_path), "--student", "cnn", "--batch", "6", "--teachers", "cnn"]
    args = distill.parser().parse_args([*arguments, "--minutes", "0.01"])
    assert distill.train(args, few_faces(), "teacher", ["--network", "cnn"], -60) is None
    best = distill.train(args, few_faces(), "student", ["--network", "cnn"], -60, needed=True)
    assert best == tmp_path / "student" / "best.pt"
    assert distill.train(args, few_faces(), "student", ["--network", "nonsense"], 0) == best  # loaded, not trained


def test_teachers_a_student_and_its_last_stages_are_trained_and_not_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(distill, "read_faces", lambda _: few_faces())
    arguments = ["unused", "--output", str(tmp_path), "--student", "cnn", "--teachers", "cnn,cnn", "--epochs", "2"]
    arguments += ["--batch", "6", "--views", "2", "--last", "2", "--minutes", "1", "--threads", "1"]
    assert distill.main(arguments) == 0
    folders = ["last-1-cnn", "last-2-cnn", "student-cnn", "teacher-1-cnn", "teacher-2-cnn"]
    assert sorted(path.name for path in tmp_path.iterdir()) == folders
    first, second = (load(tmp_path / name / "best.pt")[0].state_dict() for name in folders[:2])
    assert any(not torch.equal(first[name], second[name]) for name in first)
    assert "2 teachers together on PublicTest" in capsys.readouterr().out
    assert distill.main(arguments) == 0
    assert capsys.readouterr().out.count("finished before") == 5


def test_weights_for_a_teacher_are_named_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        distill.main(["unused", "--output", "unused", "--weights", "weights.pth"])
    assert "NETWORK=FILE, not 'weights.pth'" in capsys.readouterr().err
    assert distill.main(["unused", "--output", "unused", "--weights", "nonsense=weights.pth"]) == 2
    assert "no network nonsense" in capsys.readouterr().err


def test_epochs_are_planned_from_the_measured_speed() -> None:
    assert distill.fit(10.0, 100.0, 200) == distill.Plan(9, 11.0)
    assert distill.fit(8.0, 100.0, 3).epochs == 3
    assert distill.fit(8.0, 8.5, 200).epochs == 0
    assert distill.fit(8.0, -5.0, 200).epochs == 0


def test_table_leaves_empty_what_was_not_measured(tmp_path: Path) -> None:
    compare.write(tmp_path, [{"network": "cnn", "parameters": 1234, "macs": 32_500_000, "ferplus_accuracy": 0.8125}])
    lines = (tmp_path / "table.md").read_text().splitlines()
    assert lines[2].startswith("| cnn | 1,234 | 32.5 M |  | 81.2% |  |")
    assert {line.count("|") for line in lines} == {len(compare.COLUMNS) + 1}
    assert (tmp_path / "table.csv").read_text().splitlines()[1].startswith("cnn,1234,32500000,,0.8125,,")


def test_finished_networks_are_not_trained_again(tmp_path: Path) -> None:
    assert not compare.is_finished(tmp_path)
    (tmp_path / "best.pt").touch()
    assert compare.is_finished(tmp_path)  # put there by hand
    (tmp_path / "last.pt").touch()
    assert not compare.is_finished(tmp_path)
    (tmp_path / "summary.json").touch()
    assert compare.is_finished(tmp_path)


def test_limited_data_keep_their_splits(tmp_path: Path) -> None:
    usage = np.repeat([TRAIN, PUBLIC, PRIVATE], (40, 20, 20))
    np.savez(tmp_path / "all.npz", usage=usage, label=np.arange(80), note=np.array(["one"]))
    with np.load(compare.limited(tmp_path / "all.npz", 12, tmp_path)) as few:
        assert np.bincount(few["usage"]).tolist() == [12, 3, 3]
        assert np.array_equal(few["usage"], usage[few["label"]])
    with pytest.raises(ValueError, match="npz"):
        compare.limited(tmp_path, 12, tmp_path)


def test_views_are_drawn_once_and_every_teacher_asked_once(tmp_path: Path) -> None:
    images = few_faces().only("train").images
    for name in ("one", "two"):
        trainer(tmp_path / name).run()
    path = tmp_path / "views.npy"
    views.draw(images, 3, path, seed=1)
    drawn = np.load(path)
    assert (drawn.shape, drawn.dtype) == ((12, 3, 48, 48), np.uint8)
    assert (drawn[:, 0] != drawn[:, 1]).any()
    for name in ("one", "two"):
        views.ask(tmp_path / name / "best.pt", drawn, tmp_path / f"told-{name}.npy", bfloat16=False)
    told = np.load(tmp_path / "told-one.npy")
    one, x = load(tmp_path / "one" / "best.pt")[0], to_input(torch.from_numpy(drawn[5]))
    with torch.no_grad():
        ferplus = (one(x)[0] + one(x.flip(3))[0]) / 2
    np.testing.assert_allclose(told[5, :, 0], ferplus, atol=0.01)

    both = views.read_views(tmp_path, 12, temperature=1.0)
    x, (taught, _) = both.pick(torch.tensor([5, 7]), torch.Generator().manual_seed(1))
    assert x.shape == (2, 1, 48, 48)
    assert taught.sum(1).tolist() == pytest.approx([1, 1], abs=1e-5)
    seen = [to_input(torch.from_numpy(drawn[5])), to_input(torch.from_numpy(drawn[5])).flip(3)]
    assert any(torch.equal(x[0], view) for kind in seen for view in kind)
    with pytest.raises(ValueError, match="12 pictures and 2 teachers"):
        views.read_views(tmp_path, 13, temperature=1.0)
    trainer(tmp_path / "student", "--views", str(tmp_path), "--mixup", "0.2").run()
    assert (tmp_path / "student" / "summary.json").exists()


def test_a_head_with_layers_of_its_own_learns_alone(tmp_path: Path) -> None:
    first = trainer(tmp_path / "first", "--network", "mobilenet-v4-small", "--labels", "ferplus")
    first.run()
    more = ["--network", "mobilenet-v4-forked", "--labels", "fer2013", "--start", str(tmp_path / "first/best.pt")]
    forked = trainer(tmp_path / "forked", *more, epochs=2)
    own = {name: value.clone() for name, value in forked.network.state_dict().items() if name.startswith("own.")}
    forked.run()
    start, end = load(tmp_path / "first/best.pt")[0], load(tmp_path / "forked/best.pt")[0]
    x = to_input(torch.from_numpy(few_faces().images))
    with torch.no_grad():
        assert torch.equal(start(x)[0], end(x)[0])
    assert any(not torch.equal(value, forked.network.state_dict()[name]) for name, value in own.items())
    assert not torch.equal(end(x)[1], start(x)[1])


def test_another_trunk_is_no_start(tmp_path: Path) -> None:
    trainer(tmp_path / "first").run()
    with pytest.raises(ValueError, match="another trunk"):
        trainer(tmp_path / "next", "--network", "mobilenet-v4-small", "--start", str(tmp_path / "first/best.pt"))
