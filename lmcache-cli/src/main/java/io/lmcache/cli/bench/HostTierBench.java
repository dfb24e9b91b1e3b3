package io.lmcache.cli.bench;

import io.lmcache.api.KvLayout;
import io.lmcache.api.memory.HostRegion;
import io.lmcache.api.option.ByteSize;
import io.lmcache.cli.bench.Contest.Contender;
import io.lmcache.cli.bench.Contest.Medians;
import io.lmcache.cli.bench.Report.Row;
import io.lmcache.core.engine.HostKvTensor;
import io.lmcache.core.engine.KvCache;
import io.lmcache.core.engine.LmcacheStack;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/** Chunks of 32 MiB between the host tier and an engine's tensor, beside the same copies between two regions. */
final class HostTierBench {
    private static final KvLayout LAYOUT = Models.LARGE.layout();
    private static final double GIB = 1 << 30;
    private static final double MILLIS = 1e3;

    private final Scale scale;
    private final Contest contest;
    private final int tokens;
    private final long bytes;

    HostTierBench(Scale scale, Contest contest) {
        this.scale = scale;
        this.contest = contest;
        this.tokens = scale.hostTierChunks() * Models.CHUNK_TOKENS;
        this.bytes = LAYOUT.chunkBytes(tokens);
    }

    List<Row> measure() throws IOException {
        try (HostRegion tensor = new HostRegion(bytes);
                HostRegion chunks = new HostRegion(bytes)) {
            tensor.segment().fill((byte) 1);
            chunks.segment().fill((byte) 2);
            BareCopy bare = new BareCopy(LAYOUT, Models.CHUNK_TOKENS, tensor.segment(), chunks.segment());
            HostKvTensor engineSide = new HostKvTensor(LAYOUT, tensor.segment(), tokens);
            return List.of(retrieve(engineSide, bare), store(engineSide, bare), firstStore(engineSide, bare));
        }
    }

    private Row retrieve(HostKvTensor tensor, BareCopy bare) throws IOException {
        try (LmcacheStack stack = open(1)) {
            KvCache cache = stack.cache(Models.LARGE);
            int[] prompt = Models.prompt(1, tokens);
            cache.store(prompt, tensor);
            Medians seconds = hold(() -> handled(cache.retrieve(prompt, tensor).tokens()), bare::chunksToTensor);
            return new Row(
                    "host tier: retrieve " + scale.hostTierChunks() + " chunks of 32 MiB",
                    "GiB/s",
                    bytes / GIB / seconds.candidate(),
                    bytes / GIB / seconds.ceiling(),
                    new Target.RatioAtLeast(0.9));
        }
    }

    /** Into memory that is committed already, by evicting what was there. */
    private Row store(HostKvTensor tensor, BareCopy bare) throws IOException {
        try (LmcacheStack stack = open(2)) {
            Medians seconds = hold(new StoreOfNewPrompt(stack, tensor), bare::tensorToChunks);
            return storeRow("host tier: store %d chunks of 32 MiB", seconds, new Target.RatioAtMost(1.3));
        }
    }

    /** Into memory that the operating system has yet to commit. */
    private Row firstStore(HostKvTensor tensor, BareCopy bare) throws IOException {
        try (FirstStore store = new FirstStore(tensor)) {
            return storeRow(
                    "host tier: the same, into memory never touched before",
                    hold(store, bare::tensorToChunks),
                    new Target.None());
        }
    }

    private Row storeRow(String what, Medians seconds, Target target) {
        return new Row(
                String.format(what, scale.hostTierChunks()),
                "ms",
                seconds.candidate() * MILLIS,
                seconds.ceiling() * MILLIS,
                target);
    }

    private Medians hold(Contender candidate, Contender bare) throws IOException {
        return contest.hold(bytes, scale.warmUps(), scale.copyRounds(), candidate, bare);
    }

    private long handled(int tokens) {
        return LAYOUT.chunkBytes(tokens);
    }

    /** An engine with room for so many prompts in its host tier. */
    private LmcacheStack open(int prompts) {
        return LmcacheStack.builder()
                .tier("cpu", Map.of("max_local_cpu_size", new ByteSize(prompts * bytes)))
                .build();
    }

    /** Stores a prompt that is not there; the oldest goes. */
    private final class StoreOfNewPrompt implements Contender {
        private final KvCache cache;
        private final HostKvTensor tensor;
        private int[] prompt = {};
        private int prompts;

        private StoreOfNewPrompt(LmcacheStack stack, HostKvTensor tensor) {
            this.cache = stack.cache(Models.LARGE);
            this.tensor = tensor;
        }

        @Override
        public void prepare() {
            prompts++;
            prompt = Models.prompt(prompts, tokens);
        }

        @Override
        public long run() {
            return handled(cache.store(prompt, tensor).storedTokens());
        }
    }

    /** Stores a prompt in an engine that has just been opened. */
    private final class FirstStore implements Contender, AutoCloseable {
        private final int[] prompt = Models.prompt(1, tokens);
        private final HostKvTensor tensor;
        private LmcacheStack stack = open(1);

        private FirstStore(HostKvTensor tensor) {
            this.tensor = tensor;
        }

        @Override
        public void prepare() {
            stack.close();
            stack = open(1);
        }

        @Override
        public long run() {
            return handled(stack.cache(Models.LARGE).store(prompt, tensor).storedTokens());
        }

        @Override
        public void close() {
            stack.close();
        }
    }
}
