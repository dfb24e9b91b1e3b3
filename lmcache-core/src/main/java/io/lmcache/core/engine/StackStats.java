package io.lmcache.core.engine;

import io.lmcache.api.spi.BackendStats;
import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What a stack did since it was opened.
 *
 * @param models what was asked for, found and stored, by the name of the model
 * @param tiers what each tier holds and did, by name
 */
public record StackStats(SortedMap<String, ModelStats> models, SortedMap<String, BackendStats> tiers) {
    /** Copies the maps. */
    public StackStats {
        models = Collections.unmodifiableSortedMap(new TreeMap<>(models));
        tiers = Collections.unmodifiableSortedMap(new TreeMap<>(tiers));
    }

    /** All models together. */
    public ModelStats total() {
        return models.values().stream().reduce(ModelStats.NONE, ModelStats::plus);
    }
}
