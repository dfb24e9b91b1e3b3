package io.lmcache.cuda.paged;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.LmcacheException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class PagedKvCacheTest {
    private static final KvLayout LAYOUT = KvLayout.kv(KvDtype.HALF, 1, 4, 8);
    private static final int BLOCKS = 10;
    private static final int BLOCK_SIZE = 16;

    private static PagedKvCache cacheOf(PagedLayer layer) {
        return new PagedKvCache(LAYOUT, 0, BLOCKS, BLOCK_SIZE, List.of(layer));
    }

    @Test
    void factoriesGiveTheStridesOfContiguousTensors() {
        assertThat(PagedKvCache.keysFirst(LAYOUT, 0, BLOCKS, BLOCK_SIZE, HeadOrder.NHD, 4096)
                        .layers())
                .containsExactly(new PagedLayer(4096, 10_240, 1024, 64, 16));
        assertThat(PagedKvCache.blocksFirst(LAYOUT, 0, BLOCKS, BLOCK_SIZE, HeadOrder.HND, 4096)
                        .layers())
                .containsExactly(new PagedLayer(4096, 1024, 2048, 16, 256));
        assertThat(PagedKvCache.latent(KvLayout.mla(KvDtype.HALF, 1, 576), 0, BLOCKS, BLOCK_SIZE, 4096)
                        .layers())
                .containsExactly(new PagedLayer(4096, 0, 18_432, 1152, 1152));
    }

    @ParameterizedTest
    @CsvSource({
        "4096, 10240, 1024, 64, 15, head stride is too small",
        "4096, 10240, 1024, 63, 16, slot stride is too small",
        "4096, 10240, 1023, 64, 16, block stride is too small",
        "4096, 10239, 1024, 64, 16, plane stride is too small",
        "4096, 1024, 1024, 64, 16, stride is too small",
        "4096, 0, 1024, 64, 16, plane stride is too small",
        "4096, -10240, 1024, 64, 16, plane stride is too small",
        "4096, 10240, 9223372036854775806, 64, 16, block stride is too large",
        "9223372036854775000, 10240, 1024, 64, 16, do not fit behind that address",
        "0, 10240, 1024, 64, 16, do not fit behind that address",
        "4097, 10240, 1024, 64, 16, multiples of the element size",
        "4096, 10241, 1024, 64, 16, multiples of the element size",
    })
    void aLayerWhoseElementsCannotLieSoIsRefused(
            long address, long plane, long block, long slot, long head, String reason) {
        assertThatThrownBy(() -> cacheOf(new PagedLayer(address, plane, block, slot, head)))
                .isInstanceOfSatisfying(
                        LmcacheException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_ARGUMENT))
                .hasMessageContaining(reason);
    }

    @Test
    void gapsBetweenElementsAreFine() {
        PagedLayer padded = new PagedLayer(4096, 100_000, 2048, 128, 24);
        assertThat(cacheOf(padded).hasContiguousTokens()).isFalse();
    }

    @Test
    void aStrideOfADimensionOfOneIsNotLookedAt() {
        KvLayout oneHead = KvLayout.kv(KvDtype.HALF, 1, 1, 8);
        PagedKvCache cache = new PagedKvCache(oneHead, 0, 1, 16, List.of(new PagedLayer(4096, 256, 0, 16, 3)));
        assertThat(cache.hasContiguousTokens()).isTrue();
        assertThat(Long.lowestOneBit(cache.alignmentBits())).isEqualTo(16);
    }

    @Test
    void tokensAreContiguousOnlyWhereHeadsFollowEachOther() {
        assertThat(PagedKvCache.keysFirst(LAYOUT, 0, BLOCKS, BLOCK_SIZE, HeadOrder.NHD, 4096)
                        .hasContiguousTokens())
                .isTrue();
        assertThat(PagedKvCache.keysFirst(LAYOUT, 0, BLOCKS, BLOCK_SIZE, HeadOrder.HND, 4096)
                        .hasContiguousTokens())
                .isFalse();
    }

    @Test
    void aLayoutThatDoesNotFitTheShapeIsRefused() {
        assertThatThrownBy(() -> PagedKvCache.latent(LAYOUT, 0, BLOCKS, BLOCK_SIZE, 4096))
                .hasMessageContaining("KV_MLA_FMT");
        assertThatThrownBy(() -> PagedKvCache.keysFirst(LAYOUT, 0, BLOCKS, BLOCK_SIZE, HeadOrder.NHD, 4096, 65536))
                .hasMessageContaining("2 layers are described");
        assertThatThrownBy(() -> PagedKvCache.keysFirst(LAYOUT, 0, 0, BLOCK_SIZE, HeadOrder.NHD, 4096))
                .hasMessageContaining("0 blocks");
    }
}
