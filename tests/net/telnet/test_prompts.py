"""What is said around what players read: hidden input, the ends of prompts, the keepalive."""

import pytest
from hypothesis import given

from holomush.net.telnet.codec import TelnetCodec

from .wire import (
    AYT,
    COMMAND_EOR,
    DO,
    DONT,
    ECHO,
    EOR,
    GA,
    GMCP,
    IAC,
    NOP,
    SB,
    SE,
    SGA,
    STREAMS,
    TTYPE,
    WILL,
    WONT,
    agreed,
    sub,
)


class TestHidingInput:
    def test_with_a_client_that_agrees(self) -> None:
        codec = TelnetCodec()
        codec.hide_input()
        codec.hide_input()
        assert codec.bytes_to_send() == IAC + WILL + ECHO
        codec.receive(IAC + DO + ECHO)
        codec.show_input()
        codec.show_input()
        assert codec.bytes_to_send() == IAC + WONT + ECHO
        codec.receive(IAC + DONT + ECHO)
        codec.hide_input()
        assert codec.bytes_to_send() == IAC + WILL + ECHO

    def test_a_client_that_never_answers_still_gets_its_echo_back(self) -> None:
        codec = TelnetCodec()
        for _ in range(3):
            codec.hide_input()
            codec.show_input()
            assert codec.bytes_to_send() == IAC + WILL + ECHO + IAC + WONT + ECHO

    def test_late_answers_do_not_show_the_second_password(self) -> None:
        codec = TelnetCodec()
        codec.hide_input()
        codec.show_input()
        codec.hide_input()
        codec.bytes_to_send()
        codec.receive(IAC + DO + ECHO + IAC + DONT + ECHO + IAC + DO + ECHO)
        assert codec.bytes_to_send() == b""
        codec.receive(IAC + DONT + ECHO)  # agreed on at the end, so this one is a real request
        assert codec.bytes_to_send() == IAC + WONT + ECHO

    def test_a_client_that_refuses_late_is_believed(self) -> None:
        codec = TelnetCodec()
        codec.hide_input()
        codec.show_input()
        codec.receive(IAC + DONT + ECHO)
        codec.bytes_to_send()
        codec.hide_input()
        codec.receive(IAC + DO + ECHO + IAC + DONT + ECHO)
        assert codec.bytes_to_send() == IAC + WILL + ECHO + IAC + WONT + ECHO


class TestPromptsAndKeepalive:
    @pytest.mark.parametrize("said", [b"", b"look\n", b"\xff\xffy\n", b"\xffA\n", IAC + SE, IAC + DO, IAC + SB + GMCP + b"x"])
    def test_a_client_without_telnet_gets_no_commands(self, said: bytes) -> None:
        codec = agreed(said)
        assert (codec.is_telnet, codec.prompt_end(), codec.keepalive()) == (False, b"", b"")

    @pytest.mark.parametrize("said", [IAC + NOP, IAC + AYT, IAC + DONT + EOR, IAC + WONT + TTYPE, sub(GMCP, b"")])
    def test_any_whole_command_shows_that_it_is_telnet(self, said: bytes) -> None:
        codec = agreed(said)
        assert (codec.is_telnet, codec.prompt_end(), codec.keepalive()) == (True, IAC + GA, IAC + NOP)

    def test_end_of_record_where_it_was_agreed_on(self) -> None:
        codec = agreed(IAC + DO + EOR)
        assert codec.prompt_end() == IAC + COMMAND_EOR
        codec.receive(IAC + DO + SGA)
        assert codec.prompt_end() == IAC + COMMAND_EOR
        codec.receive(IAC + DONT + EOR)
        assert codec.prompt_end() == b""

    def test_no_go_ahead_where_it_is_suppressed(self) -> None:
        codec = agreed(IAC + DO + SGA)
        assert codec.prompt_end() == b""
        codec.receive(IAC + DONT + SGA)
        assert codec.prompt_end() == IAC + GA

    def test_the_clients_own_suppression_is_another_matter(self) -> None:
        assert agreed(IAC + WILL + SGA).prompt_end() == IAC + GA

    @given(STREAMS)
    def test_neither_changes_anything(self, stream: bytes) -> None:
        codec, other = TelnetCodec(), TelnetCodec()
        for byte in stream:
            assert codec.receive(bytes((byte,))) == other.receive(bytes((byte,)))
            assert codec.prompt_end() in (b"", IAC + GA, IAC + COMMAND_EOR)
            assert codec.keepalive() == (IAC + NOP if codec.is_telnet else b"")
        assert codec.bytes_to_send() == other.bytes_to_send()
