"""
The parameters of consensus_node for tasks, each declared once.

Robots compare bids, or figure out for all what each of them would do: what goes into that is
`alike`. How long a robot keeps its tasks, and how it hears of bids, is its own affair.
"""

from __future__ import annotations

from swarm_consensus.composition.parameter import Parameter

TASK_PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        'tasks_method',
        'cbba',
        'How robots find out who does what: by bids that travel (cbba), or each figures it out '
        'from what all say of themselves, by sequential greedy or as the best assignment of one '
        'task to each robot.',
        choices=('cbba', 'greedy', 'optimal'),
        alike=True,
    ),
    Parameter(
        'tasks_scoring',
        'time_discounted',
        'What a path is worth: time_discounted, path_length, or package.module:function.',
        alike=True,
    ),
    Parameter(
        'tasks_discount',
        0.999,
        'What is left of the worth of a task after a second, for time_discounted.',
        minimum=0.000001,
        maximum=1.0,
        alike=True,
    ),
    Parameter(
        'tasks_cost_per_m',
        0.01,
        'What a metre takes off the worth of a path, for path_length.',
        minimum=0.0,
        maximum=1_000_000_000.0,
        alike=True,
    ),
    Parameter(
        'tasks_bundle_max',
        5,
        'Most tasks that a robot plans ahead.',
        minimum=1,
        maximum=64,
        alike=True,
    ),
    Parameter(
        'tasks_duty',
        5.0,
        'How long a robot keeps its tasks without being heard of by the log.',
        's',
        minimum=0.1,
        maximum=3600.0,
    ),
    Parameter(
        'tasks_renew_period',
        1.0,
        'How often a robot renews its duty.',
        's',
        minimum=0.02,
        maximum=1800.0,
    ),
    Parameter(
        'tasks_stop_time',
        1.0,
        'How long a robot needs to come to rest when it is told to stop.',
        's',
        minimum=0.001,
        maximum=1800.0,
    ),
    Parameter(
        'tasks_leave_time',
        3.0,
        'Longest that a robot that is shut down waits until its node has stopped and its tasks are '
        'handed back; else they are open again when its duty has run out.',
        's',
        minimum=0.0,
        maximum=60.0,
    ),
    Parameter(
        'tasks_silence',
        5.0,
        'A robot whose node says nothing on `worker` for so long goes off duty.',
        's',
        minimum=0.1,
        maximum=3600.0,
    ),
    Parameter(
        'tasks_drift_percent',
        5,
        'Bound on how much faster one clock of the robots runs than another; no task is with two '
        'robots as long as it holds.',
        '%',
        minimum=0,
        maximum=49,
    ),
    Parameter(
        'tasks_settle',
        0.3,
        'How long a robot must have looked like the winner before it has the task awarded to '
        'itself: longer in swarms of many hops, where bids come late.',
        's',
        minimum=0.0,
        maximum=3600.0,
    ),
    Parameter(
        'tasks_rebid_period',
        40.0,
        'How often a robot makes its bids anew, from where it is then; 0: only for new tasks.',
        's',
        minimum=0.0,
        maximum=86_400.0,
    ),
    Parameter(
        'tasks_compare_period',
        1.0,
        'How often robots compare which bids they know, which makes up for lost messages.',
        's',
        minimum=0.02,
        maximum=3600.0,
    ),
    Parameter(
        'tasks_relay_window',
        0.04,
        'The bids of others are passed on within so long, at random; 0: at once. Longer: fewer '
        'robots pass on what the others have heard already.',
        's',
        minimum=0.0,
        maximum=60.0,
    ),
    Parameter(
        'tasks_relay_heard',
        3,
        'Who hears others pass bids on so often does not do it too; 0: it does in any case.',
        minimum=0,
        maximum=1000,
    ),
    Parameter(
        'tasks_patience',
        60.0,
        'A task that takes several robots and has not found them within so long is let be for as '
        'long; 0: never.',
        's',
        minimum=0.0,
        maximum=86_400.0,
    ),
)
