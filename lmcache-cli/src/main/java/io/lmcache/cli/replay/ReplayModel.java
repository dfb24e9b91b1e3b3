package io.lmcache.cli.replay;

import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import java.util.Locale;

/** The models whose KV a replay is of. */
public enum ReplayModel {
    /** 32 layers of 4096, 8 KV heads of 128. */
    LLAMA_3_1_8B(8.03e9, 32, 4096, 8 * 128),
    /** 80 layers of 8192, 8 KV heads of 128. */
    LLAMA_3_1_70B(70.6e9, 80, 8192, 8 * 128),
    /** 24 layers of 896, 2 KV heads of 64. */
    QWEN_2_5_0_5B(0.494e9, 24, 896, 2 * 64);

    private static final int BYTES_OF_BFLOAT16 = 2;

    private final double parameters;
    private final int layers;
    private final int width;
    private final int kvWidth;

    ReplayModel(double parameters, int layers, int width, int kvWidth) {
        this.parameters = parameters;
        this.layers = layers;
        this.width = width;
        this.kvWidth = kvWidth;
    }

    /** The bytes of keys and values of one token, in bfloat16. */
    public long bytesPerToken() {
        return 2L * layers * kvWidth * BYTES_OF_BFLOAT16;
    }

    /** The layout of its KV, of one head as wide as all: what moves is the same. */
    KvLayout layout() {
        return KvLayout.kv(KvDtype.BFLOAT16, layers, 1, kvWidth);
    }

    /** How many parameters it has. */
    public double parameters() {
        return parameters;
    }

    /** How many layers it has. */
    public int layers() {
        return layers;
    }

    /** The width of a layer. */
    public int width() {
        return width;
    }

    /**
     * Seconds of a GPU to compute the tokens that were hits: {@code (2 P sum(n) + 2 L d sum(n^2)) / rate}, of which the
     * first part is the weights and the second is causal attention.
     *
     * @param flops floating point operations that the GPU does in a second
     */
    public double prefillSeconds(Outcome outcome, double flops) {
        double weights = 2 * parameters * outcome.hitTokens();
        double attention = 2.0 * layers * width * outcome.hitTokensSquared();
        return (weights + attention) / flops;
    }

    /** As people write it: {@code llama-3.1-8b}. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT)
                .replaceFirst("_(\\d)_(\\d)_", "-$1.$2-")
                .replace("0_5b", "0.5b");
    }
}
