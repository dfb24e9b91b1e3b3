package io.lmcache.cli.replay;

/**
 * What a replay did in one step of the trace's time, in blocks. Immutable.
 *
 * @param startSeconds when the step begins, from the first request
 * @param hostHits read from the host tier
 * @param fileHits read from the file tier only
 * @param writes stored in or promoted to any tier
 */
public record Step(double startSeconds, long hostHits, long fileHits, long writes) {}
