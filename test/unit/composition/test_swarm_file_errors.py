"""Each way to write swarm.yaml wrongly has one clear message with file, line and what was meant."""

from __future__ import annotations

from pathlib import Path
import random
import sys

import pytest

from swarm_consensus.composition.problems import SwarmFileError
from swarm_consensus.composition.swarm_file import load_swarm, parse_swarm

# A file that is right; each case below replaces parts of it.
GOOD = """\
swarm: team
robots: 3
subjects:
  sign: {labels: [stop, go]}
"""


def errors(content: str, tmp_path: Path) -> list[str]:
    with pytest.raises(SwarmFileError) as caught:
        parse_swarm(content, tmp_path / 'swarm.yaml')
    return str(caught.value).replace(f'{tmp_path}/', '').splitlines()


def with_section(text: str) -> str:
    return GOOD + text


def with_policy(policy: str) -> str:
    return f'swarm: team\nrobots: 3\nsubjects:\n  sign:\n    labels: [stop, go]\n    {policy}\n'


CASES = {
    # -- not a swarm.yaml at all -------------------------------------------------------------
    'empty': (
        '',
        'swarm.yaml: is empty; it must say at least `swarm`, `robots` and `subjects`',
    ),
    'only comments': (
        '# nothing\n---\n',
        'swarm.yaml: is empty; it must say at least `swarm`, `robots` and `subjects`',
    ),
    'a list': (
        '- swarm\n',
        'swarm.yaml:1: must be a mapping (`key: value`) that begins with `swarm: <name>`',
    ),
    'a word': (
        'swarm\n',
        'swarm.yaml:1: must be a mapping (`key: value`) that begins with `swarm: <name>`',
    ),
    'tab': (
        'swarm: team\nnetwork:\n\tdomain_id: 3\n',
        'swarm.yaml:3: indented with a tab; YAML wants spaces',
    ),
    'tab after a value': (
        'network:\n  domain_id: 3\n\tdiscovery: off\n',
        'swarm.yaml:3: indented with a tab; YAML wants spaces',
    ),
    'syntax': (
        'swarm: team\nrobots: [a, b\nsubjects: {}\n',
        "swarm.yaml:3: not YAML: expected ',' or ']', but got ':' "
        '(while parsing a flow sequence, line 2)',
    ),
    'indentation': (
        'swarm: team\n robots: 3\n',
        'swarm.yaml:2: not YAML: mapping values are not allowed here',
    ),
    'two documents': (
        GOOD + '---\n' + GOOD,
        'swarm.yaml:5: a second document (`---`); a swarm.yaml has one',
    ),
    'control character': (
        'swarm: te\x07am\n',
        'swarm.yaml:1: character #x0007 is not allowed in YAML',
    ),
    'unknown alias': (
        'swarm: *team\n',
        "swarm.yaml:1: not YAML: found undefined alias 'team'",
    ),
    # -- keys --------------------------------------------------------------------------------
    'unknown key at the top': (
        GOOD + 'storrage: {folder: /tmp}\n',
        'swarm.yaml:5: storrage: unknown key; did you mean "storage"?',
    ),
    'unknown key of a subject': (
        with_policy('quorom: 2'),
        'swarm.yaml:6: subjects.sign.quorom: unknown key; did you mean "quorum"?',
    ),
    'key that belongs elsewhere': (
        with_policy('weight: 2'),
        'swarm.yaml:6: subjects.sign.weight: unknown key; it belongs under consensus',
    ),
    'policy key among the parameters of a node': (
        with_section('consensus: {confidence: 0.5}\n'),
        'swarm.yaml:5: consensus.confidence: unknown key; it belongs under subjects.<name>',
    ),
    'unknown key like no other': (
        with_section('storage: {xyz: 1}\n'),
        'swarm.yaml:5: storage.xyz: unknown key; known here: folder, on_damage',
    ),
    'unknown key of a robot': (
        'swarm: team\nrobots:\n  - name: a\n    namespase: b\nsubjects: {sign: {}}\n',
        'swarm.yaml:4: robots[0].namespase: unknown key; did you mean "namespace"?',
    ),
    'a probe without time for help': (
        with_section('consensus: {probe_timeout: 0.3}\n'),
        'swarm.yaml:5: consensus.probe_timeout is 0.3 s, must be less than half of probe_period '
        '(0.5 s): who is asked for help waits as long again',
    ),
    'unknown topic': (
        with_section('topics: {decisions: /d}\n'),
        'swarm.yaml:5: topics.decisions: unknown key; did you mean "decision"?',
    ),
    'key twice': (
        GOOD + 'network:\n  domain_id: 3\n  domain_id: 4\n',
        'swarm.yaml:7: key "domain_id" again; it stands in line 6 already',
    ),
    'section twice': (
        GOOD + 'robots: 5\n',
        'swarm.yaml:5: key "robots" again; it stands in line 2 already',
    ),
    'key that is a list': (
        GOOD + '[a, b]: 1\n',
        'swarm.yaml:5: a key must be a word, not a list or a mapping',
    ),
    'what the composition sets': (
        with_section('consensus:\n  robot: a\n'),
        'swarm.yaml:6: consensus.robot: is not set here; it follows from `robots`',
    ),
    'storage folder as a parameter': (
        with_section('consensus: {storage_folder: /tmp}\n'),
        'swarm.yaml:5: consensus.storage_folder: is not set here; it follows from `storage.folder`',
    ),
    'keys folder as a parameter': (
        with_section('consensus: {keys_folder: keys}\n'),
        'swarm.yaml:5: consensus.keys_folder: is not set here; it follows from `keys.folder`',
    ),
    'unknown key of the keys': (
        with_section('keys: {foldr: keys}\n'),
        'swarm.yaml:5: keys.foldr: unknown key; did you mean "folder"?',
    ),
    'python tag': (
        with_section('storage: {folder: !!python/object/apply:os.system [ls]}\n'),
        'swarm.yaml:5: storage.folder is a list, but must be text',
        'swarm.yaml:5: tag !!python/object/apply:os.system has no meaning here',
    ),
    # -- missing -----------------------------------------------------------------------------
    'no swarm': (
        'robots: 3\nsubjects: {sign: {}}\n',
        'swarm.yaml:1: swarm: missing; name the swarm, so that others on the network stay apart',
    ),
    'no robots': (
        'swarm: team\nsubjects: {sign: {}}\n',
        'swarm.yaml:1: robots: missing; say how many (`robots: 3`), or name them in a list',
    ),
    'empty list of robots': (
        'swarm: team\nrobots: []\nsubjects: {sign: {}}\n',
        'swarm.yaml:2: robots: is empty; a swarm has at least one robot',
    ),
    'robots without a value': (
        'swarm: team\nrobots:\nsubjects: {sign: {}}\n',
        'swarm.yaml:2: robots: must be a number, a list of names or a list of mappings with `name`',
    ),
    'no subjects': (
        'swarm: team\nrobots: 3\n',
        'swarm.yaml:1: subjects: missing; name at least one subject to decide on',
    ),
    'empty subjects': (
        'swarm: team\nrobots: 3\nsubjects:\n',
        'swarm.yaml:3: subjects: is empty; name at least one subject to decide on',
    ),
    'robot without a name': (
        'swarm: team\nrobots:\n  - {namespace: a}\nsubjects: {sign: {}}\n',
        'swarm.yaml:3: robots[0].name: missing. Name of the robot, unique in the swarm.',
    ),
    'value without text': (
        with_section('network:\n  discovery:\n'),
        'swarm.yaml:6: network.discovery has no value; it must be one of '
        "'localhost', 'subnet', 'off', 'system_default'",
    ),
    'inference without a model': (
        with_section('inference:\n  - subject: sign\n'),
        'swarm.yaml:6: inference[0].model: missing. Path of the ONNX model.',
    ),
    'no labels for beliefs': (
        'swarm: team\nrobots: 2\ninference:\n  - {subject: sign, model: m.onnx}\n'
        'subjects:\n  sign: {quorum: 1}\n',
        'swarm.yaml:6: subjects.sign.labels: missing; inference[0] gives beliefs about it, '
        'over labels in this order',
    ),
    'fused without labels': (
        'swarm: team\nrobots: 2\nsubjects:\n  sign: {level: fused}\n',
        'swarm.yaml:4: subjects.sign.labels: missing; a `fused` subject is decided from beliefs '
        'over labels',
    ),
    # -- types, units, ranges ----------------------------------------------------------------
    'text for a number': (
        with_section('consensus: {tick: fast}\n'),
        "swarm.yaml:5: consensus.tick is 'fast', but must be a number between 0.001 and 1 s. "
        'Length of a tick, the unit of all protocol timers.',
    ),
    'number in quotes': (
        with_section('consensus: {tick: "0.01"}\n'),
        'swarm.yaml:5: consensus.tick is the text "0.01", but must be a number between 0.001 '
        'and 1 s; write it without quotes',
    ),
    'unit of something else': (
        with_section('consensus: {tick: 10 kg}\n'),
        'swarm.yaml:5: consensus.tick is "10 kg", but its unit must be one of '
        's, ms, us, min, h (s where none is written)',
    ),
    'unit that is nearly right': (
        with_section('consensus: {tick: 10 Ms}\n'),
        'swarm.yaml:5: consensus.tick is "10 Ms", but its unit must be one of '
        's, ms, us, min, h (s where none is written); did you mean "ms"?',
    ),
    'unit where there is none': (
        with_section('consensus: {weight: 2 kg}\n'),
        'swarm.yaml:5: consensus.weight is "2 kg", but has no unit; leave "kg" out',
    ),
    'out of range': (
        with_section('consensus: {tick: 5 s}\n'),
        'swarm.yaml:5: consensus.tick is 5 s, but must be between 0.001 and 1 s. '
        'Length of a tick, the unit of all protocol timers.',
    ),
    'number beyond all bounds': (
        with_section('consensus: {election_ticks: 1e999999999}\n'),
        "swarm.yaml:5: consensus.election_ticks is '1e999999999', but must be a whole number "
        'between 2 and 10000 ticks. Ticks without a leader before an election; each robot waits '
        '1 to 2 times this.',
    ),
    'not finite': (
        with_section('consensus: {tick: .nan}\n'),
        "swarm.yaml:5: consensus.tick is '.nan', but must be a number between 0.001 and 1 s. "
        'Length of a tick, the unit of all protocol timers.',
    ),
    'fraction for a count': (
        with_section('consensus: {election_ticks: 7.5}\n'),
        'swarm.yaml:5: consensus.election_ticks is 7.5, but must be a whole number between 2 '
        'and 10000 ticks. Ticks without a leader before an election; each robot waits 1 to 2 '
        'times this.',
    ),
    'word for true or false': (
        with_section('consensus: {autostart: maybe}\n'),
        "swarm.yaml:5: consensus.autostart is 'maybe', but must be true or false. "
        'Configure and activate at start-up, without a lifecycle manager.',
    ),
    'unknown choice': (
        with_policy('level: comitted'),
        "swarm.yaml:6: subjects.sign.level is 'comitted', but must be one of 'fused', 'agreed', "
        '\'committed\'; did you mean "committed"? How firm the answer is: `fused` never waits '
        'for a majority, `agreed` needs no leader and bears robots that lie, `committed` is '
        'durable.',
    ),
    'list for text': (
        with_section('storage: {folder: [a]}\n'),
        'swarm.yaml:5: storage.folder is a list, but must be text',
    ),
    'text for a list': (
        'swarm: team\nrobots: 2\nsubjects:\n  sign: {labels: stop}\n',
        'swarm.yaml:4: subjects.sign.labels is "stop", but must be a list, each text',
    ),
    'empty list where one is needed': (
        with_section('inference: [{subject: sign, model: m.onnx, providers: []}]\n'),
        'swarm.yaml:5: inference[0].providers is empty, but must name at least one',
    ),
    'mapping in a list': (
        'swarm: team\nrobots: 2\nsubjects:\n  sign: {labels: [stop, {go: 1}]}\n',
        'swarm.yaml:4: subjects.sign.labels[1] is a mapping, but must be text',
    ),
    'section that is text': (
        with_section('network: eth0\n'),
        'swarm.yaml:5: network is "eth0", but must be a mapping (`key: value`)',
    ),
    'section that is a list': (
        with_section('network: [eth0]\n'),
        'swarm.yaml:5: network is a list, but must be a mapping (`key: value`)',
    ),
    'inference that is a mapping': (
        with_section('inference: {subject: sign}\n'),
        'swarm.yaml:5: inference is a mapping, but must be a list; begin it with `- `',
    ),
    'robots that are a word': (
        'swarm: team\nrobots: five\nsubjects: {sign: {}}\n',
        "swarm.yaml:2: robots is 'five', but must be a whole number between 1 and 1000. How many "
        'robots (named robot_1, robot_2, ...), their names, or one mapping for each.',
    ),
    'no robot': (
        'swarm: team\nrobots: 0\nsubjects: {sign: {}}\n',
        'swarm.yaml:2: robots is 0, but must be between 1 and 1000. How many robots (named '
        'robot_1, robot_2, ...), their names, or one mapping for each.',
    ),
    # -- names -------------------------------------------------------------------------------
    'name of the swarm': (
        'swarm: search team\nrobots: 3\nsubjects: {sign: {}}\n',
        'swarm.yaml:1: swarm is "search team", but must be letters, digits, `_`, `-` and `.`, '
        'beginning with a letter or digit; "search_team" would do',
    ),
    'name that leads out of its folder': (
        'swarm: ../team\nrobots: 3\nsubjects: {sign: {}}\n',
        'swarm.yaml:1: swarm is "../team", but must be letters, digits, `_`, `-` and `.`, '
        'beginning with a letter or digit',
    ),
    'name of a robot': (
        'swarm: team\nrobots: [robot-1]\nsubjects: {sign: {}}\n',
        'swarm.yaml:2: robots[0] is "robot-1", but must be letters, digits and `_`, not '
        'beginning with a digit; "robot_1" would do',
    ),
    'name that is too long': (
        f'swarm: team\nrobots: [{"a" * 65}]\nsubjects: {{sign: {{}}}}\n',
        'swarm.yaml:2: robots[0] has 65 characters, but must have 64 at most',
    ),
    'namespace': (
        'swarm: team\nrobots:\n  - {name: a, namespace: /fleet/1st}\nsubjects: {sign: {}}\n',
        'swarm.yaml:3: robots[0].namespace is "/fleet/1st", but must be words of letters, digits '
        'and `_`, none beginning with a digit, joined by `/`; "/fleet/_1st" would do',
    ),
    'name of a subject': (
        'swarm: team\nrobots: 1\nsubjects:\n  road.sign: {}\n',
        'swarm.yaml:4: subjects.road.sign is "road.sign", but must be words of letters, digits, '
        '`_` and `-`, joined by `/`; "road_sign" would do',
    ),
    'name of a topic': (
        with_section('topics:\n  decision: my decision\n'),
        'swarm.yaml:6: topics.decision is "my decision", but must be words of letters, digits '
        'and `_`, none beginning with a digit, joined by `/`; "my_decision" would do',
    ),
    'robot twice': (
        'swarm: team\nrobots:\n  - a\n  - b\n  - a\nsubjects: {sign: {}}\n',
        'swarm.yaml:5: robots[2]: there is a robot "a" in line 3 already',
    ),
    'namespace twice': (
        'swarm: team\nrobots:\n  - a\n  - {name: b, namespace: a}\nsubjects: {sign: {}}\n',
        'swarm.yaml:4: robots[1].namespace: namespace "/a" is that of the robot in line 3 already',
    ),
    'node twice': (
        with_section(
            'inference:\n  - {subject: sign, model: m.onnx, name: eye}\n'
            '  - {subject: sign, model: m.onnx, name: eye}\n'
        ),
        'swarm.yaml:7: inference[1].name: "eye" is the name of the node in line 6 already; '
        'give each node a `name` of its own',
    ),
    'two models of one name in the exchange': (
        with_section(
            'inference:\n  - {subject: sign, model: m.onnx, exchange: signs, name: eye}\n'
            '  - {subject: sign, model: ./m.onnx, exchange: signs, name: ear}\n'
        ),
        'swarm.yaml:7: inference[1].model is "./m.onnx", but `exchange: signs` shares "m.onnx" in '
        'line 6; give each model a name of its own',
    ),
    'node named like the consensus node': (
        with_section('inference: [{subject: sign, model: m.onnx, name: consensus_node}]\n'),
        'swarm.yaml:5: inference[0].name: "consensus_node" is the name of the consensus node of '
        'the robot already; give each node a `name` of its own',
    ),
    # -- what will not do together -----------------------------------------------------------
    'quorum larger than the swarm': (
        with_policy('quorum: 4'),
        'swarm.yaml:6: subjects.sign.quorum is 4, must be from 1 to the 3 robots of the swarm',
    ),
    'quorum that is none': (
        with_policy('quorum: mayority'),
        "swarm.yaml:6: subjects.sign.quorum is 'mayority', must be 'majority', 'all' or a whole "
        'number; did you mean "majority"?',
    ),
    'deadline before it settles': (
        with_policy('settle: 2 s'),
        'swarm.yaml:6: subjects.sign.settle is 2 s, deadline is 1 s; '
        'the deadline must leave time to settle',
    ),
    'heartbeat slower than election': (
        with_section('consensus: {heartbeat_ticks: 30}\n'),
        'swarm.yaml:5: consensus.heartbeat_ticks is 30 ticks, election_ticks is 30 ticks; '
        'heartbeats must be more frequent than elections; 5 to 10 times serves well',
    ),
    'heartbeat of one robot': (
        'swarm: team\nrobots:\n  - a\n  - name: b\n    consensus:\n      election_ticks: 4\n'
        'subjects: {sign: {}}\n',
        'swarm.yaml:6: robots[1].consensus.heartbeat_ticks is 5 ticks, election_ticks is 4 '
        'ticks; heartbeats must be more frequent than elections; 5 to 10 times serves well',
    ),
    'presence rarer than the timeout': (
        with_section('consensus: {peer_timeout: 0.2}\n'),
        'swarm.yaml:5: consensus.presence_period is 0.5 s, peer_timeout is 0.2 s; '
        'signs of life must come more often than robots count as gone',
    ),
    'value larger than a frame': (
        with_section('consensus: {value_bytes_max: 64 kB}\n'),
        'swarm.yaml:5: consensus.value_bytes_max is 64000 bytes, frame_bytes_max is 60000 bytes; '
        'a frame must hold the largest value and 2000 bytes more',
    ),
    'one label': (
        'swarm: team\nrobots: 2\nsubjects:\n  sign: {labels: [stop]}\n',
        'swarm.yaml:4: subjects.sign.labels: one label leaves nothing to decide; name two or more',
    ),
    'label twice': (
        'swarm: team\nrobots: 2\nsubjects:\n  sign:\n    labels: [stop, go, stop]\n',
        'swarm.yaml:5: subjects.sign.labels[2]: label "stop" stands there already',
    ),
    'empty label': (
        'swarm: team\nrobots: 2\nsubjects:\n  sign:\n    labels: [stop, ""]\n',
        'swarm.yaml:5: subjects.sign.labels[1]: an empty label',
    ),
    'unknown subject': (
        with_section('inference:\n  - {subject: sing, model: m.onnx}\n'),
        'swarm.yaml:6: inference[0].subject is "sing", which is not under `subjects`; '
        'did you mean "sign"?',
    ),
    'unknown label': (
        with_section('inference:\n  - {subject: sign, model: m.onnx, labels: [stopp, go]}\n'),
        'swarm.yaml:6: inference[0].labels: subjects.sign has no label "stopp"; '
        'did you mean "stop"?',
    ),
    'labels in another order': (
        with_section('inference:\n  - {subject: sign, model: m.onnx, labels: [go, stop]}\n'),
        'swarm.yaml:6: inference[0].labels must be subjects.sign.labels in their order; '
        'leave it out',
    ),
    'missing model': (
        with_section('inference:\n  - {subject: sign, model: models/m.onnx}\n'),
        'swarm.yaml:6: inference[0].model is "models/m.onnx", but there is no file models/m.onnx',
    ),
    'misspelt model': (
        with_section('inference:\n  - {subject: sign, model: mm.onnx}\n'),
        'swarm.yaml:6: inference[0].model is "mm.onnx", but there is no file mm.onnx; '
        'did you mean "m.onnx"?',
    ),
    'model that is a folder': (
        with_section('inference:\n  - {subject: sign, model: .}\n'),
        'swarm.yaml:6: inference[0].model is ".", but {folder} is a folder, but must be a file',
    ),
    'model of an unknown package': (
        with_section('inference:\n  - {subject: sign, model: package://no_such/m.onnx}\n'),
        'swarm.yaml:6: inference[0].model is "package://no_such/m.onnx", but there is no package '
        '"no_such" in AMENT_PREFIX_PATH or {prefix}',
    ),
    'changes to no node': (
        'swarm: team\nrobots:\n  - {name: a, inference: {rate_max: 3}}\nsubjects: {sign: {}}\n',
        'swarm.yaml:3: robots[0].inference: changes the nodes of `inference`, but there are none',
    ),
    'peers that nobody talks to': (
        with_section('network:\n  discovery: off\n  static_peers: [10.0.0.2]\n'),
        'swarm.yaml:7: network.static_peers are ignored by ROS with `discovery: off`; '
        'use `localhost` or `subnet`',
    ),
    'peer that is no address': (
        with_section('network:\n  static_peers: [10.0.0.2;10.0.0.3]\n'),
        'swarm.yaml:6: network.static_peers: "10.0.0.2;10.0.0.3" is no address; write a host '
        'name or an IP address',
    ),
    'interface that is not used': (
        with_section('network: {interface: wlan0}\n'),
        'swarm.yaml:5: network.interface has no effect with `discovery: localhost`; '
        'use `discovery: subnet`',
    ),
    'QoS of a service': (
        with_section('topics:\n  read: {depth: 3}\n'),
        'swarm.yaml:6: topics.read: has no QoS to set; only its `name` can change',
    ),
    'half a character': (
        'swarm: team\nrobots: 2\nsubjects:\n  sign: {labels: [stop, "\\ud800"]}\n',
        'swarm.yaml:4: half of a surrogate pair is no character',
    ),
    'merge of a word': (
        with_section('network: {<<: fast}\n'),
        'swarm.yaml:5: `<<` merges mappings; this is none',
    ),
    # -- the level agreed ----------------------------------------------------------------------
    'rule that is none': (
        with_policy('fusion: logliner'),
        "swarm.yaml:6: subjects.sign.fusion is 'logliner', must be one of log_linear, linear, "
        'median; did you mean "log_linear"?',
    ),
    'rule of the level agreed at another': (
        with_policy('fusion: plurality'),
        "swarm.yaml:6: subjects.sign.fusion is 'plurality', which only `level: agreed` has; "
        'use log_linear, linear or median',
    ),
    'own rule at another level': (
        with_policy('fusion: my_rules:nearest'),
        "swarm.yaml:6: subjects.sign.fusion is 'my_rules:nearest', which only `level: agreed` "
        'has; use log_linear, linear or median',
    ),
    'rule that the level agreed does not have': (
        with_policy('level: agreed\n    fusion: mediam'),
        "swarm.yaml:7: subjects.sign.fusion is 'mediam', must be one of log_linear, linear, "
        'plurality, weighted_plurality, median, trimmed_mean, or package.module:function; '
        'did you mean "median"?',
    ),
    'average at another level': (
        with_policy('gossip: averaging'),
        "swarm.yaml:6: subjects.sign.gossip is 'averaging', which only `level: fused` has; "
        'leave it out',
    ),
    'average of what is no sum': (
        with_policy('level: fused\n    fusion: median\n    gossip: averaging'),
        "swarm.yaml:8: subjects.sign.gossip is 'averaging', which adds up what robots believe, "
        'as `fusion: log_linear` or `fusion: linear` do; median needs `exact`',
    ),
    'trimming of what is not trimmed': (
        with_policy('level: fused\n    fusion: linear\n    gossip: robust'),
        "swarm.yaml:8: subjects.sign.gossip is 'robust', which trims log-likelihoods; write "
        '`fusion: log_linear`, not linear',
        'swarm.yaml:8: subjects.sign.liars is 1, which takes 5 robots that all hear each other; '
        'there are 3',
    ),
    'liars that nobody outvotes': (
        with_policy('level: fused\n    liars: 1'),
        'swarm.yaml:7: subjects.sign.liars has no effect without `gossip: robust`; leave it out',
    ),
    'more liars than robots can outvote': (
        with_policy('level: fused\n    gossip: robust\n    liars: 2'),
        'swarm.yaml:8: subjects.sign.liars is 2, which takes 9 robots that all hear each other; '
        'there are 3',
    ),
    'robust with too few robots': (
        with_policy('level: fused\n    gossip: robust'),
        'swarm.yaml:7: subjects.sign.liars is 1, which takes 5 robots that all hear each other; '
        'there are 3',
    ),
    'own rule that cannot be a name': (
        with_policy('level: agreed\n    fusion: my-rules:nearest'),
        "swarm.yaml:7: subjects.sign.fusion is 'my-rules:nearest', which cannot name a function; "
        'write package.module:function',
    ),
    'own rule without a function': (
        with_policy('level: agreed\n    fusion: "my_rules:"'),
        "swarm.yaml:7: subjects.sign.fusion is 'my_rules:', which cannot name a function; "
        'write package.module:function',
    ),
    'pool without labels': (
        'swarm: team\nrobots: 4\nsubjects:\n  goal:\n    level: agreed\n    fusion: linear\n',
        "swarm.yaml:6: subjects.goal.fusion is 'linear', which pools beliefs over `labels`, and "
        'there are none; name the labels, or leave it out, and proposals are counted',
    ),
    'support at another level': (
        with_policy('support: 2'),
        'swarm.yaml:6: subjects.sign.support has no effect with `level: committed`; leave it out',
    ),
    'support larger than the swarm': (
        with_policy('level: agreed\n    support: 4'),
        'swarm.yaml:7: subjects.sign.support is 4, must be from 0 to the 3 robots of the swarm',
    ),
    'n = 3f': (
        with_section('consensus: {agreed_faults: byzantine, agreed_faults_max: 1}\n'),
        'swarm.yaml:5: consensus.agreed_faults_max is 1, but 1 liar among 3 robots could tell two '
        'halves of the others different things, and both would believe it; it takes 4 robots to '
        'bear 1, and 3 bear 0: add robots, or lower agreed_faults_max, or write '
        '`agreed_faults: crash` if no robot can lie',
    ),
    'liars among three': (
        with_section('consensus:\n  agreed_faults: byzantine\n'),
        'swarm.yaml:6: consensus.agreed_faults is byzantine, but 3 robots bear none that lies: '
        'with n = 3f robots or fewer, f liars can tell each half of the others what suits it. '
        'Make it 4 robots, or write `agreed_faults: crash` if no robot can lie',
    ),
    'n = 2f': (
        'swarm: team\nrobots: 4\nsubjects: {sign: {}}\n'
        'consensus: {agreed_faults: crash, agreed_faults_max: 2}\n',
        'swarm.yaml:4: consensus.agreed_faults_max is 2, but of 4 robots 2 are no majority, so two '
        'parts of the swarm could decide differently; it takes 5 robots to bear 2, and 4 bear 1: '
        'add robots, or lower agreed_faults_max',
    ),
    'more faults than any assumption bears': (
        with_section('consensus: {agreed_faults_max: 2}\n'),
        'swarm.yaml:5: consensus.agreed_faults_max is 2, but of 3 robots 1 are no majority, so two '
        'parts of the swarm could decide differently; it takes 5 robots to bear 2, and 3 bear 1: '
        'add robots, or lower agreed_faults_max',
    ),
    'robots that count differently': (
        'swarm: team\nrobots:\n  - a\n  - b\n  - name: c\n    consensus:\n'
        '      agreed_faults_max: 0\nsubjects: {sign: {}}\n',
        'swarm.yaml:7: robots[2].consensus.agreed_faults_max: must be the same for all robots; '
        'write it once, under `consensus`',
    ),
    'robots that bid by different scorings': (
        'swarm: team\nconsensus: {tasks_discount: 0.99, tasks_settle: 0.5}\nrobots:\n  - a\n'
        '  - name: b\n    consensus:\n      tasks_settle: 1.0\n      tasks_discount: 0.9\n'
        '      tasks_scoring: path_length\nsubjects: {sign: {}}\n',
        'swarm.yaml:8: robots[1].consensus.tasks_discount: must be the same for all robots; '
        'write it once, under `consensus`',
        'swarm.yaml:9: robots[1].consensus.tasks_scoring: must be the same for all robots; '
        'write it once, under `consensus`',
    ),
    'swarm too large to agree': (
        'swarm: team\nrobots: 300\nsubjects:\n  goal: {level: agreed}\n',
        'swarm.yaml:4: subjects.goal.level: the level agreed serves 256 robots, and these are 300',
    ),
    'unknown assumption': (
        with_section('consensus: {agreed_faults: byzantin}\n'),
        "swarm.yaml:5: consensus.agreed_faults is 'byzantin', but must be one of 'auto', "
        '\'byzantine\', \'crash\'; did you mean "byzantine"? What faulty robots do at level '
        '`agreed`: anything (`byzantine`, n >= 3f + 1 robots bear f), or only stop (`crash`, n >= '
        '2f + 1); `auto`: byzantine where there are keys. Without keys let DDS Security keep '
        'strangers out. The same for all robots, as all `agreed_...`.',
    ),
    'weights by hand': (
        with_section('consensus: {weights: [1, 2, 3]}\n'),
        'swarm.yaml:5: consensus.weights: is not set here; it follows from `consensus.weight`',
    ),
}


@pytest.mark.parametrize('name', CASES)
def test_wrong_file_has_its_message(name: str, tmp_path: Path) -> None:
    """All the messages of a file, exactly, and no others that follow from the first."""
    (tmp_path / 'm.onnx').write_bytes(b'model')
    content, *expected = CASES[name]
    places = {'{folder}': str(tmp_path), '{prefix}': sys.prefix}
    for mark, place in places.items():
        expected = [line.replace(mark, place) for line in expected]
    assert errors(content, tmp_path) == expected


def test_all_problems_of_a_file_are_said_at_once_in_its_order(tmp_path: Path) -> None:
    content = 'swarm: a b\nrobots: [x, x]\nnetwork: {domain: 3}\nsubjects:\n  sign: {quorom: 2}\n'
    lines = errors(content, tmp_path)
    assert [line.split(':')[1] for line in lines] == ['1', '2', '3', '5']


def test_missing_file_is_named_as_the_user_named_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SwarmFileError, match=r'^config/swarm\.yaml: no such file$'):
        load_swarm('config/swarm.yaml')


def test_folder_in_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(SwarmFileError, match='is a folder; name the swarm.yaml in it'):
        load_swarm(tmp_path)


def test_file_that_is_not_utf8_names_line_and_byte(tmp_path: Path) -> None:
    path = tmp_path / 'swarm.yaml'
    path.write_bytes(b'swarm: team\n# caf\xe9\n')
    with pytest.raises(SwarmFileError, match=r':2: byte 0xe9 is not UTF-8; save the file'):
        load_swarm(path)


def test_file_that_is_far_too_large_is_not_parsed(tmp_path: Path) -> None:
    path = tmp_path / 'swarm.yaml'
    path.write_bytes(b'#' * 1_000_001)
    with pytest.raises(SwarmFileError, match='larger than 1000000 bytes'):
        load_swarm(path)


def test_robot_that_the_swarm_does_not_have(tmp_path: Path) -> None:
    path = tmp_path / 'swarm.yaml'
    path.write_text(GOOD)
    with pytest.raises(SwarmFileError, match='has no robot "robot_4"; did you mean "robot_'):
        load_swarm(path, robots=['robot_4'])


@pytest.mark.parametrize(
    'content',
    [
        'a: &a [*a]\n',
        'a: ' + '[' * 50 + ']' * 50 + '\n',
        'a: ' + '[' * 20_000 + '\n',
        'a0: &a0 [x, x, x, x, x, x, x, x, x]\n'
        + ''.join(f'a{n}: &a{n} [{", ".join([f"*a{n - 1}"] * 9)}]\n' for n in range(1, 9)),
    ],
    ids=['recursion', 'depth', 'depth of the parser', 'billion laughs'],
)
def test_hostile_trees_end_in_an_error_soon(content: str, tmp_path: Path) -> None:
    lines = errors(content, tmp_path)
    assert len(lines) == 1
    assert 'nested too deeply' in lines[0]


JUNK = ('- ', '&a ', '*a', '!!x ', '-1e999', '1e99999999', '<<: ', '\t', '~', '0x')


def mutated(text: str, seed: int) -> str:
    """Return a text with a few of its characters and lines changed, doubled, moved or gone."""
    chance = random.Random(seed)
    lines = text.splitlines()
    for _ in range(chance.randint(1, 3)):
        number = chance.randrange(len(lines))
        line = lines[number]
        place = chance.randint(0, len(line))
        what = chance.randrange(6)
        if what == 0:
            lines.pop(number)
        elif what == 1:
            lines.insert(number, lines[chance.randrange(len(lines))])
        elif what == 2:
            lines[number] = ' ' * chance.randint(0, 4) + line
        elif what == 3:
            lines[number] = line[:place] + line[place + chance.randint(1, 9) :]
        else:
            junk = chance.choice(
                [':', '- ', '{', '[', ']', '&a ', '*a', '!!x ', '#', '"', '-1e999']
            )
            lines[number] = line[:place] + junk + line[place:]
        if not lines:
            return ''
    return '\n'.join(lines) + '\n'


RICH = """\
swarm: team
robots:
  - alpha
  - name: beta
    namespace: fleet/beta
    consensus: &c {weight: 0.5, tick: 10 ms}
    inference: {rate_max: 5 Hz}
  - {name: gamma, consensus: {<<: *c, weight: 2}, inference: []}
network: {domain_id: 3, discovery: subnet, static_peers: [10.0.0.2], interface: wlan0}
storage: {folder: state}
topics: {decision: /d, belief: {name: b, depth: 3}}
consensus: {heartbeat_ticks: 4, election_ticks: 20}
inference:
  - {subject: sign, model: m.onnx, crop: [0, 0.5, 1, 1], labels: [stop, go]}
subjects:
  sign: {labels: [stop, go], quorum: 2, settle: 10 ms}
  mode:
"""


def test_files_that_were_mangled_are_read_or_refused_and_never_crash(tmp_path: Path) -> None:
    """Two thousand mutations of a rich file; a failure names its seed."""
    (tmp_path / 'm.onnx').touch()
    outcomes = {'read': 0, 'refused': 0}
    for seed in range(2000):
        try:
            parse_swarm(mutated(RICH, seed), tmp_path / 'swarm.yaml')
            outcomes['read'] += 1
        except SwarmFileError as error:
            outcomes['refused'] += 1
            assert error.problems
        except Exception as error:  # noqa: BLE001 -- shown with its seed
            pytest.fail(f'seed {seed}: {type(error).__name__}: {error}')
    assert min(outcomes.values()) > 100, outcomes
