package io.lmcache.core.hash;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.engine.TokenRange;
import java.nio.IntBuffer;
import java.util.List;
import org.junit.jupiter.api.Test;

class ChunkerTest {
    private static final KeyScope SCOPE = KeyScope.of("model", KvLayout.kv(KvDtype.HALF, 2, 2, 8));

    @Test
    void theLastPartialChunkCountsWhenItIsSaved() {
        PromptChunks chunks = chunker(true).chunks(SCOPE, IntBuffer.allocate(600));
        assertThat(chunks.count()).isEqualTo(3);
        assertThat(chunks.tokens()).isEqualTo(600);
        assertThat(List.of(chunks.range(0), chunks.range(1), chunks.range(2)))
                .containsExactly(new TokenRange(0, 256), new TokenRange(256, 512), new TokenRange(512, 600));
    }

    @Test
    void theLastPartialChunkIsLeftOutWhenItIsNotSaved() {
        PromptChunks chunks = chunker(false).chunks(SCOPE, IntBuffer.allocate(600));
        assertThat(chunks.count()).isEqualTo(2);
        assertThat(chunks.tokens()).isEqualTo(512);
    }

    @Test
    void aPromptShorterThanAChunkHasOneChunkOrNone() {
        assertThat(chunker(true).chunks(SCOPE, IntBuffer.allocate(1)).tokens()).isEqualTo(1);
        assertThat(chunker(false).chunks(SCOPE, IntBuffer.allocate(255)).count())
                .isZero();
        assertThat(chunker(true).chunks(SCOPE, IntBuffer.allocate(0)).count()).isZero();
    }

    @Test
    void tokensOfTheFirstChunksEndWithThePrompt() {
        PromptChunks chunks = chunker(true).chunks(SCOPE, IntBuffer.allocate(600));
        assertThat(chunks.tokensIn(0)).isZero();
        assertThat(chunks.tokensIn(2)).isEqualTo(512);
        assertThat(chunks.tokensIn(3)).isEqualTo(600);
    }

    @Test
    void keysCarryTheScope() {
        PromptChunks chunks = chunker(true).chunks(SCOPE, IntBuffer.allocate(300));
        assertThat(chunks.keys()).extracting(ChunkKey::scope).containsOnly(SCOPE);
    }

    @Test
    void theBufferIsLeftAsItWas() {
        IntBuffer tokens = IntBuffer.allocate(700).position(10).limit(610);
        assertThat(chunker(true).chunks(SCOPE, tokens).tokens()).isEqualTo(600);
        assertThat(tokens.position()).isEqualTo(10);
        assertThat(tokens.limit()).isEqualTo(610);
    }

    @Test
    void aChunkSizeBelowOneIsRefused() {
        assertThatThrownBy(() -> new Chunker(new Sha256ChunkHasher(), 0, true))
                .isInstanceOf(LmcacheException.class)
                .hasFieldOrPropertyWithValue("code", ErrorCode.INVALID_ARGUMENT);
    }

    private static Chunker chunker(boolean saveUnfullChunk) {
        return new Chunker(new Sha256ChunkHasher(), 256, saveUnfullChunk);
    }
}
