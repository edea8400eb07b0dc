"""CycleGAN: from two unpaired collections, a net learns to paint photos, and the reverse."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from numpy import uint8
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from stylenet.data.collection import as_source, collection_note, first_pictures
from stylenet.data.source import PhotoSource
from stylenet.losses.adversarial import (
    REAL,
    CycleLoss,
    absolute_error,
    discriminator_error,
    least_squares,
)
from stylenet.nets.apply import apply_net
from stylenet.nets.patchgan import PatchGAN
from stylenet.nets.twoway import TwoWay
from stylenet.ops.layout import laid_out
from stylenet.pictures.resizing import resize_shorter_side
from stylenet.system.errors import UserError
from stylenet.tasks.base import Targets, Task, means_of
from stylenet.tasks.image_buffer import Exchange, ImageBuffer, handed_on
from stylenet.tensors import to_tensor

SIDE = 256
"""Shorter side in pixels of the paintings on preview sheets, and of unseen photos."""

SHOWN = 3
"""Number of paintings on preview sheets."""


class CycleGAN(Task):
    """Zhu et al. 2017: a generator for each direction, a discriminator for each kind of picture.

    In each batch, generators and discriminators take one step each. Both steps start from the
    weights before the batch. One backward pass serves both, because the terms of the one have no
    gradient to the weights of the other.

    Config keys, checkpoints and ``losses.csv`` say ``critic`` for a discriminator, ``pool`` for an
    image buffer, ``forth`` for A2B and ``back`` for B2A, where A are photos and B paintings.

    Args:
        net: A2B, from photo to painting, and B2A, from painting to photo.
        critic: makes a discriminator; there are two, of paintings and of photos.
        loss: the weights of the generators' terms.
        paintings: the second collection, or the path of its folder.
        pool: size of each image buffer. A buffer keeps earlier results of one kind, and its
            discriminator sees some of them instead of new results.
        seed: of the draws from the image buffers.
        optimizer: makes the optimiser of the generators, and another of the discriminators.
        critic_lr: the learning rate of the discriminators. They learn a small collection by heart.
            At the rate of the generators they soon tell every picture apart, and the generators
            learn to change nothing.
        schedule: makes the per-step schedule of an optimiser, called with ``(optimizer, steps=…)``.

    Raises:
        UserError: no paintings are named.
    """

    net: TwoWay
    kept = ("net.", "critics.", "pools.")

    def __init__(
        self,
        net: TwoWay,
        critic: Callable[[], PatchGAN],
        loss: CycleLoss,
        paintings: PhotoSource | str | None,
        pool: int,
        seed: int,
        optimizer: Callable[..., Optimizer],
        critic_lr: float,
        schedule: Callable[..., LRScheduler],
    ) -> None:
        if paintings is None:
            raise UserError(
                "task=cyclegan learns from paintings; add data.paintings=FOLDER or "
                "+data/paintings=wikiart"
            )
        self.paintings = as_source(paintings)
        self.shown: list[tuple[str, NDArray[uint8]]] = []
        super().__init__(net.to(memory_format=torch.channels_last), optimizer, schedule)
        self.critics = nn.ModuleDict({"forth": critic(), "back": critic()})
        self.critics.to(memory_format=torch.channels_last)
        ways = {"forth": ImageBuffer(pool, seed), "back": ImageBuffer(pool, seed + 1)}
        self.pools = nn.ModuleDict(ways)
        self.discriminators_optimizer = optimizer(self.critics.parameters(), lr=critic_lr)
        self.loss = loss
        self.automatic_optimization = False

    def read_style(self) -> None:
        """Read the paintings that preview sheets show.

        Raises:
            UserError: the collection has no paintings.
        """
        first = first_pictures(self.paintings, SHOWN)
        self.shown = [(name, resize_shorter_side(rgb, SIDE)) for name, rgb in first]
        self.style = self.shown[0][1]

    def style_note(self) -> dict[str, str]:
        """The note on the collection of paintings."""
        return collection_note(self.paintings, "cyclegan")

    def configure_optimizers(self) -> Any:
        """The optimisers of generators and discriminators, each with a schedule over all steps.

        Raises:
            UserError: the precision scales losses. Only Lightning's own steps undo the scaling.
        """
        if self.trainer.precision == "16-mixed":
            raise UserError("task=cyclegan cannot take trainer.precision=16-mixed; use bf16-mixed")
        optimizers = self.updated()
        steps = self.trainer.max_steps
        return optimizers, [self.make_schedule(each, steps=steps) for each in optimizers]

    def targets(self, batch: Tensor) -> Targets:
        """What the discriminators see of earlier results, and where: ``earlier`` and ``sources``.

        The names of both begin with the direction that made the results.
        """
        return _asked(self._exchanges(batch))

    def _exchanges(self, batch: Tensor) -> dict[str, Exchange]:
        photos = batch[0]
        first, in_step = self.first_photo(len(photos)), len(photos) * self.trainer.world_size
        return {way: pool.draw(photos, first, in_step) for way, pool in self._pools()}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the image buffers of all processes."""
        super().on_save_checkpoint(checkpoint)
        if self.trainer.world_size > 1:
            for way, pool in self._pools():
                own = pool.get_extra_state().to(self.device)
                every = [torch.empty_like(own) for _ in range(self.trainer.world_size)]
                torch.distributed.all_gather(every, own)
                checkpoint["state_dict"][f"pools.{way}._extra_state"] = torch.cat(every)

    def objective(self, batch: Tensor, targets: Targets) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean loss of generators and discriminators on photos and paintings, (2, B, 3, H, W).

        The terms of the one have no gradient to the weights of the other. Among the mean terms are
        the results, ``forth made`` and ``back made``, each (B, 3, H, W), without gradients.
        """
        photos, paintings = map(laid_out, batch)
        real = {"back": photos, "forth": paintings}  # by the direction that makes such pictures
        made = {"forth": self.net.forth(photos), "back": self.net.back(paintings)}
        terms = self.generator_terms(real, made)
        total = self.loss.total(terms)
        terms["critic"] = self.discriminator_term(real, made, targets)
        results = {_made(way): pictures.detach() for way, pictures in made.items()}
        means = means_of({**terms, "total": total})
        return (total + terms["critic"]).mean(), {**means, **results}

    def training_step(self, batch: Tensor, _: int) -> None:
        """One batch of photos and paintings, (2, B, 3, H, W)."""
        exchanges = self._exchanges(batch)
        objective, means = self.judged(batch, _asked(exchanges))
        for way, pool in self._pools():
            pool.keep(means.pop(_made(way)), exchanges[way])
        self.means = means
        self.manual_backward(objective)
        generators, discriminators = self.optimizers()  # type: ignore[attr-defined]
        # Lightning counts the steps of its wrapped optimisers. A batch is one step: unwrap one.
        for optimizer in (generators, discriminators.optimizer):
            optimizer.step()
            optimizer.zero_grad()
        for schedule in self.lr_schedulers():  # type: ignore[union-attr]
            schedule.step()

    def generator_terms(
        self, real: dict[str, Tensor], made: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """The unweighted loss terms of the generators, each (B,).

        ``forth`` (A2B) and ``back`` (B2A) are the adversarial errors. ``cycle`` and ``identity``
        are sums over both directions.

        Args:
            real: real pictures, (B, 3, H, W) in [0, 1], by the direction that makes such pictures.
            made: results by the direction that made them, from the other real pictures.
        """
        forth, back = self.net.forth, self.net.back
        paintings, photos = real["forth"], real["back"]
        return {
            "forth": least_squares(opinion(self.critics["forth"], made["forth"]), REAL),
            "back": least_squares(opinion(self.critics["back"], made["back"]), REAL),
            "cycle": absolute_error(back(made["forth"]), photos)
            + absolute_error(forth(made["back"]), paintings),
            "identity": absolute_error(forth(paintings), paintings)
            + absolute_error(back(photos), photos),
        }

    def discriminator_term(
        self, real: dict[str, Tensor], made: dict[str, Tensor], targets: Targets
    ) -> Tensor:
        """The loss of the discriminators, the sum of both: (B,)."""
        errors = []
        for way, discriminator in self.critics.items():
            shown = handed_on(made[way], targets[f"{way} earlier"], targets[f"{way} sources"])
            errors.append(discriminator_error(discriminator(real[way]), discriminator(shown)))
        return torch.stack(errors).sum(0)

    def updated(self) -> list[Optimizer]:
        """The optimisers of generators and discriminators."""
        return [self.optimizer, self.discriminators_optimizer]

    def _pools(self) -> Iterator[tuple[str, ImageBuffer]]:
        for way, pool in self.pools.items():
            assert isinstance(pool, ImageBuffer)
            yield way, pool

    @torch.no_grad()
    def unseen_terms(self, photos: Iterable[tuple[str, NDArray[uint8]]]) -> dict[str, float]:
        """The mean terms of photos turned into paintings: adversarial and cycle error, total.

        Args:
            photos: names and pictures, uint8 (H, W, 3); resized to a shorter side of `SIDE` pixels.
        """
        self.eval()
        rows = []
        for _, rgb in photos:
            photo = to_tensor(resize_shorter_side(rgb, SIDE)).to(self.device)
            painted = self.net.forth(photo).clamp(0, 1)
            terms = {
                "forth": least_squares(self.critics["forth"](painted), REAL),
                "cycle": absolute_error(self.net.back(painted), photo),
            }
            rows.append({**terms, "total": self.loss.total(terms)})
        return {name: sum(row[name].item() for row in rows) / len(rows) for name in rows[0]}

    def previews(
        self, photos: Iterable[tuple[str, NDArray[uint8]]]
    ) -> list[tuple[str, NDArray[uint8], NDArray[uint8]]]:
        """Photos and the paintings they become, then paintings and the photos they become."""
        back = [(name, rgb, apply_net(self.net.back, rgb)) for name, rgb in self.shown]
        return super().previews(photos) + back


def _made(way: str) -> str:
    return f"{way} made"


def _asked(exchanges: Mapping[str, Exchange]) -> Targets:
    """The tensors of exchanges, by direction, as `CycleGAN.targets` names them."""
    return {
        f"{way} {part}": getattr(exchange, part)
        for way, exchange in exchanges.items()
        for part in ("earlier", "sources")
    }


def opinion(discriminator: nn.Module, image: Tensor) -> Tensor:
    """The scores of `discriminator` for `image` (B, 3, H, W). Only the image gets a gradient."""
    frozen = {name: weight.detach() for name, weight in discriminator.named_parameters()}
    scores: Tensor = functional_call(discriminator, frozen, image)
    return scores
