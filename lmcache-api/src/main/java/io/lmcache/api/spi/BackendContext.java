package io.lmcache.api.spi;

import java.time.Clock;

/**
 * What a backend may use of its surroundings.
 *
 * @param instanceId the name of the cache instance, for messages and metrics
 * @param clock the time of day
 */
public record BackendContext(String instanceId, Clock clock) {}
