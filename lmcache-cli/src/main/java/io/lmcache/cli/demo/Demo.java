package io.lmcache.cli.demo;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.KeyScope;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.BackendStats;
import io.lmcache.cli.process.TemporaryDirectory;
import io.lmcache.core.Lmcache;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.engine.LmcacheStack;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.UUID;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The demo's scenario: what the cache saves when a prompt comes again, grows, or meets a new process, each run compared
 * with the same prompt without a cache.
 *
 * <p>For one run by one thread.
 */
public final class Demo {
    /** The most bytes of a text that become a prompt. */
    private static final int PROMPT_TOKENS = 2048;

    private static final int FOLLOW_UP_TOKENS = 300;
    private static final int WARM_UP_TOKENS = 512;

    /** The most bytes of a text that make a difference. */
    public static final int TEXT_BYTES = PROMPT_TOKENS + FOLLOW_UP_TOKENS;

    /** Runs of the model: three to warm up, three without cache, four with it, and that of the new process. */
    private static final int RUNS = 11;

    private final ModelConfig config;
    private final Optional<LmcacheConfig> stackConfig;
    private final List<String> freshProcess;
    private final Progress progress;
    private final List<Report.Row> rows = new ArrayList<>();

    /** Keeps the chunks of this run apart from those of earlier ones in the same directory: cold is cold. */
    private final String run = UUID.randomUUID().toString();

    /**
     * A demo with this model.
     *
     * @param stackConfig the stack to run it on; empty for one of its own
     * @param freshProcess the main class and the arguments of a program that calls {@link FreshProcess#serve}
     */
    public Demo(ModelConfig config, Optional<LmcacheConfig> stackConfig, List<String> freshProcess, Progress progress) {
        this.config = config;
        this.stackConfig = stackConfig;
        this.freshProcess = List.copyOf(freshProcess);
        this.progress = progress;
    }

    /** How many units of progress a demo of that model has. */
    public static int progressUnits(ModelConfig config) {
        return RUNS * config.layers();
    }

    /**
     * Runs it, on the configured stack or else on one of its own, which leaves nothing behind.
     *
     * @param text what the prompts are made of; not empty, only the first {@link #TEXT_BYTES} bytes are used
     */
    public Report run(String text) throws IOException {
        if (stackConfig.isPresent()) {
            try (LmcacheStack stack = Lmcache.open(stackConfig.get())) {
                return run(text, stack, null);
            }
        }
        try (TemporaryDirectory directory = new TemporaryDirectory(TemporaryDirectory.systemFolder());
                LmcacheStack stack = CacheStack.openAt(directory.path())) {
            return run(text, stack, directory.path());
        }
    }

    private Report run(String text, LmcacheStack stack, @Nullable Path directory) {
        try (Workers workers = Workers.ofThisMachine()) {
            Transformer model = new Transformer(config, workers);
            runAll(text.getBytes(StandardCharsets.UTF_8), inference(model, stack, run), stack, directory);
            return new Report(config.modelId(), stack.tiers(), stack.persistentTiers(), rows);
        }
    }

    private void runAll(byte[] text, InferenceEngine inference, LmcacheStack stack, @Nullable Path directory) {
        int[] prompt = tokens(text, Math.min(text.length, PROMPT_TOKENS));
        int[] followUp = tokens(text, prompt.length + FOLLOW_UP_TOKENS);
        int[] unrelated = unrelatedTo(prompt);
        try {
            warmUp(inference, step("warming up"));
            requireRoom(stack);
            runPrompts(inference, prompt, followUp, unrelated, directory);
        } finally {
            // On a configured stack too: nobody else can ever hit what carries this run's tag.
            List.of(followUp, unrelated, new int[WARM_UP_TOKENS]).forEach(inference::forget);
            inference.forget(prompt);
        }
    }

    /** A tier that takes nothing is no failure for an engine, but a demo of it would show nothing. */
    private static void requireRoom(LmcacheStack stack) {
        SortedMap<String, BackendStats> tiers = stack.stats().tiers();
        for (String tier : stack.persistentTiers()) {
            BackendStats stats = tiers.get(tier);
            if (stats != null && stats.count(BackendCounter.TIER_STORED) == 0) {
                throw new LmcacheException(
                        ErrorCode.STORAGE,
                        "Tier '" + tier + "' takes no chunk, so there is nothing to show; the warning above says why:"
                                + " make room at its path, or raise its limit");
            }
        }
    }

    private void runPrompts(
            InferenceEngine inference, int[] prompt, int[] followUp, int[] unrelated, @Nullable Path directory) {
        FirstToken promptAlone = inference.runWithoutCache(prompt, step("prompt without cache"));
        add("cold prompt", prompt, inference.run(prompt, step("cold prompt")), promptAlone);
        add("same prompt again", prompt, inference.run(prompt, step("same prompt again")), promptAlone);

        FirstToken followUpAlone = inference.runWithoutCache(followUp, step("follow-up without cache"));
        add("longer follow-up", followUp, inference.run(followUp, step("longer follow-up")), followUpAlone);

        add(Report.NEW_PROCESS, prompt, runInNewProcess(prompt, directory), promptAlone);

        FirstToken unrelatedAlone = inference.runWithoutCache(unrelated, step("unrelated without cache"));
        add("unrelated prompt", unrelated, inference.run(unrelated, step("unrelated prompt")), unrelatedAlone);
    }

    private FirstToken runInNewProcess(int[] prompt, @Nullable Path directory) {
        step(Report.NEW_PROCESS);
        String path = directory == null ? null : directory.toString();
        List<Integer> boxed = Arrays.stream(prompt).boxed().toList();
        FirstToken result = FreshProcess.run(freshProcess, new FreshProcess.Request(config, run, path, boxed));
        progress.advance(Report.NEW_PROCESS, config.layers());
        return result;
    }

    private Runnable step(String name) {
        progress.advance(name, 0);
        return () -> progress.advance(name, 1);
    }

    private void add(String name, int[] prompt, FirstToken cached, FirstToken alone) {
        rows.add(new Report.Row(
                name,
                prompt.length,
                cached.hitTokensByTier(),
                cached.seconds(),
                alone.seconds(),
                cached.logitBits().equals(alone.logitBits())));
    }

    static InferenceEngine inference(Transformer model, LmcacheStack stack, String run) {
        ModelConfig config = model.config();
        KeyScope scope = KeyScope.of(config.modelId(), config.kvLayout()).withTags(Map.of("run", run));
        return new InferenceEngine(model, stack.cache(scope));
    }

    /**
     * Lets the JVM load and compile what the runs need before any is timed: the model, the store, and the retrieve from
     * the fastest tier or, in a new process, from the one that lasts. No text has the zero bytes that it stores.
     */
    static void warmUp(InferenceEngine inference, Runnable layerDone) {
        int[] prompt = new int[WARM_UP_TOKENS];
        inference.runWithoutCache(prompt, layerDone);
        inference.run(prompt, layerDone);
        inference.run(prompt, layerDone);
    }

    /** One token for each byte; a text that is too short starts over. */
    private static int[] tokens(byte[] text, int count) {
        return IntStream.range(0, count)
                .map(i -> Byte.toUnsignedInt(text[i % text.length]))
                .toArray();
    }

    /** A prompt of the same length that differs in every token, so that it has no prefix in common. */
    private static int[] unrelatedTo(int[] prompt) {
        return Arrays.stream(prompt)
                .map(token -> (token + 1) % ModelConfig.VOCABULARY)
                .toArray();
    }
}
