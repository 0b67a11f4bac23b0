"""A text that is not UTF-8 is read in the encoding in which its letters are words, or the user is asked; another's letters are not published silently."""

from __future__ import annotations

import pytest

from assay.assets.io.decode.task import Undecodable
from assay.pipelines.ingest.guess_encoding import UnclearEncoding, guess_encoding
from tests.ingest.test_hostile_text import AUTO, decoded

TEXTS = {
    "german": ("Köln Müller größe Straße Äpfel", "cp1252 cp850 mac_roman iso8859_15"),
    "french": ("café école Noël garçon être à où", "cp1252 cp850 mac_roman"),
    "spanish": ("España niño corazón años Málaga", "cp1252 cp850 mac_roman"),
    "portuguese": ("São Paulo coração avó você", "cp1252 cp850 mac_roman"),
    "danish": ("Ærø København Århus smørrebrød", "cp1252 cp850"),
    "icelandic": ("Þór Ísafjörður maður það", "cp1252 cp850"),
    "czech": ("Tomáš Šárka Jiří Žižkov žluťoučký kůň", "cp1250 iso8859_2 cp852"),
    "polish": ("Łódź Kraków świętość żółć Wałęsa", "cp1250 iso8859_2 cp852"),
    "hungarian": ("Győr Székesfehérvár őrült űrhajó", "cp1250 iso8859_2 cp852"),
    "romanian": ("Bucureşti Iaşi Constanţa învăţământ", "cp1250 iso8859_2 cp852"),
    "turkish": ("Ayşe Işık Çağlar Şişli Beyoğlu İzmir", "cp1254 iso8859_9 cp857"),
    "russian": ("Москва Иванов Петров Петербург", "cp1251 koi8_r cp866 iso8859_5 mac_cyrillic"),
    "ukrainian": ("Київ Україна Шевченко Львів", "cp1251 koi8_u"),
    "greek": ("Αθήνα Θεσσαλονίκη Γιώργος", "cp1253 iso8859_7"),
    "hebrew": ("רחל ירושלים תל אביב משה", "cp1255 iso8859_8 cp862"),
    "arabic": ("محمد القاهرة دمشق الرياض", "cp1256 iso8859_6"),
    "lithuanian": ("Šiauliai Klaipėda Žemaitė ąžuolas", "cp1257 cp775"),
    "thai": ("กรุงเทพ เชียงใหม่ ภูเก็ต", "cp874"),
    "japanese": ("東京都 大阪府 ひらがな カタカナ 鈴木", "cp932 euc_jp iso2022_jp"),
    "chinese": ("北京市 上海 广州 张伟", "gb18030 gbk gb2312"),
    "taiwanese": ("臺北市 高雄 陳怡君", "big5"),
    "korean": ("서울 부산 김민수 대한민국", "cp949 euc_kr"),
    "quotes": ("“smart” – quotes’ it’s don’t 20€", "cp1252"),
}
CASES = [(text, name) for text, names in TEXTS.values() for name in names.split()]


@pytest.mark.parametrize(("text", "encoding"), CASES, ids=lambda value: value[:12])
def test_the_letters_that_were_written_are_read(text: str, encoding: str) -> None:
    content = "\n".join(["id,name", *(f"{n},{word}" for n, word in enumerate(text.split()))])
    done, rows, unreadable = decoded(content.encode(encoding), **AUTO)
    assert rows["name"].to_list() == text.split()
    assert unreadable.height == 0
    assert done.found["encoding"] != "utf-8"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])  # fmt: skip
@pytest.mark.parametrize("text", ["naïve", "北京市", "рынок", "plain"])
def test_unicode_is_read_with_and_without_its_mark(text: str, encoding: str) -> None:
    content = "id,name\n" + f"1,{text}\n" * 3
    assert decoded(content.encode(encoding), **AUTO)[1]["name"].to_list() == [text] * 3


@pytest.mark.parametrize(
    ("word", "encoding"),
    [("Ayşe", "cp1254"), ("Győr", "iso8859_2"), ("רחל", "iso8859_8"), ("Klaipėda", "cp775")],
)
def test_where_a_word_fits_several_encodings_the_user_is_asked(word: str, encoding: str) -> None:
    content = f"id,name\n1,{word}\n".encode(encoding)
    with pytest.raises(UnclearEncoding) as unclear:
        guess_encoding(f"1,{word}".encode(encoding))
    shown = {content.decode(name, "replace") for name in unclear.value.encodings}
    assert content.decode(encoding) in shown
    with pytest.raises(Undecodable, match=r"not UTF-8, and its encoding is unclear") as refused:
        decoded(content, **AUTO)
    assert "--encoding" in refused.value.remedy
    assert decoded(content, encoding=encoding)[1]["name"].to_list() == [word]


def test_one_word_in_a_page_of_one_byte_is_enough_where_no_other_reads_like_a_word() -> None:
    for word, encoding in [("Köln", "cp850"), ("Tomáš", "iso8859_2"), ("café", "cp1252")]:
        assert decoded(f"id,name\n1,{word}\n".encode(encoding), **AUTO)[1]["name"][0] == word
